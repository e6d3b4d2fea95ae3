/** Snapshots that are whole trees are compared with their layers, too, and made anew from them. */
import assert from "node:assert/strict";
import {
  goCtr,
  type Longshore,
  mountBtrfs,
  must,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { layeredBusybox } from "../../interop/snapshotters/support.ts";
import { ok, partsOf } from "./support.ts";

const snapshotters: Record<string, ((dir: string) => Promise<void>) | undefined> = {
  native: undefined,
  btrfs: (dir) => mountBtrfs(`${dir}/root`),
};

const removal: Record<string, (dir: string) => [string, string[]]> = {
  native: (dir) => ["rm", ["-r", dir]],
  btrfs: (dir) => ["btrfs", ["subvolume", "delete", "--commit-after", dir]],
};

/** The directories of committed snapshots, lowest first; each is let be written to. */
async function trees({ root }: Longshore, name: string): Promise<string[]> {
  const base = `${root}/snapshots/${name}`;
  const ids = (await Array.fromAsync(Deno.readDir(base))).map((entry) => entry.name).filter((id) =>
    /^\d+$/.test(id)
  );
  const paths = ids.sort((a, b) => Number(a) - Number(b)).map((id) => `${base}/${id}`);
  if (name === "btrfs") {
    for (const path of paths) await must("btrfs", ["property", "set", "-f", "-ts", path, "ro", "false"]);
  }
  return paths;
}

for (const [name, prepare] of Object.entries(snapshotters)) {
  Deno.test(`${name}: snapshots in order verify, whoever unpacked them, and damage is found and mended`, async () => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    const reference = await push(await layeredBusybox(scratch), registry, "layered:1");
    await using daemon = await startLongshore({ where: "shm", prepare });
    const of = ["--snapshotter", name];
    const check = (...more: string[]) => daemon.ctr([...more, "images", "check", "--deep", ...of]);
    const repair = () => daemon.ctr(["images", "repair", ...of, reference]);
    await ok(daemon, ["images", "pull", "--plain-http", ...of, reference]);
    const byGo = ["-n", "go", "images", "pull", "--plain-http", ...of, reference];
    const pulled = await goCtr(daemon.address, byGo);
    assert.equal(pulled.code, 0, pulled.stderr);
    for (const namespace of ["default", "go"]) {
      const { code, stdout, stderr } = await check("-n", namespace);
      assert.match(stdout, /true +ok \(5 blobs, 3 snapshots\)/, stderr);
      assert.equal(code, 0);
    }
    await ok(daemon, ["-n", "go", "images", "rm", "--sync", reference]);
    const names = (await ok(daemon, ["snapshots", ...of, "ls"])).match(/^sha256:\S+/gm)!;
    assert.equal(names.length, 3, "what the checks made is gone");

    const damages: [number, (dir: string) => Promise<void>, RegExp][] = [
      [2, (dir) => Deno.writeTextFile(`${dir}/data/gone/c`, "THIRD\n"), /"data\/gone\/c" has other content/],
      [0, (dir) => Deno.chmod(`${dir}/bin/busybox`, 0o644), /"bin\/busybox" has the mode 0644, not 0755/],
      [1, (dir) => Deno.remove(`${dir}/etc/motd`), /"etc\/motd" is missing/],
      [0, async (dir) => void await must(...removal[name]!(dir)), /its files are gone/],
    ];
    for (const [layer, damage, says] of damages) {
      await damage((await trees(daemon, name))[layer]!);
      const found = await check();
      assert.equal(found.code, 1, found.stdout + found.stderr);
      assert.match(found.stdout, says);
      assert.match(found.stdout, /damaged \(1\)/, "a copy that was made before is not damaged");
      const mended = await repair();
      assert.equal(mended.code, 0, mended.stderr);
      assert.equal(mended.stdout.match(/unpacked again/g)!.length, 3 - layer, mended.stdout);
      assert.match((await check()).stdout, /ok \(5 blobs, 3 snapshots\)/);
    }
    const run = ["run", "--rm", ...of, reference, `after-${name}`, "cat", "/data/gone/c", "/etc/motd"];
    assert.equal(await ok(daemon, run), "third\nmotd\n");

    // A container's own copy can't be mended under it.
    await ok(daemon, ["containers", "create", ...of, reference, "user"]);
    const [lowest, , top] = await trees(daemon, name);
    assert.ok(lowest);
    await Deno.writeTextFile(`${top}/data/gone/c`, "THIRD\n");
    const refused = await repair();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is in use by a container.*remove it, then repair again/);
    await ok(daemon, ["containers", "rm", "user"]);
    const mended = await repair();
    assert.equal(mended.code, 0, mended.stderr);

    const { layers } = await partsOf(daemon, reference);
    await ok(daemon, ["content", "rm", layers[1]!]);
    assert.match(
      (await check()).stdout,
      /ok \(4 blobs, 1 snapshots\).*|not compared: snapshot .* is dropped/,
    );
  });
}

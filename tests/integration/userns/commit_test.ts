/** Layers and images of containers with a user namespace: they have the ids within, however the files were mapped. */
import assert from "node:assert/strict";
import {
  ctrPath,
  type Longshore,
  must,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { listOwners, ownersImage } from "./image.ts";

const maps = ["--uidmap", "0:200000:50000,50000:700000:10", "--gidmap", "0:300000:65536"];
const labels = [...maps, "--remap-labels"];

/** Our daemon with the image, in both of its snapshotters. */
async function start() {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make("shm"));
  const registry = stack.use(await startRegistry());
  const image = await push(await ownersImage(scratch), registry, "owners:1");
  const prepare = (dir: string) => Deno.chmod(dir, 0o711);
  const daemon = stack.use(await startLongshore({ where: "shm", prepare }));
  for (const snapshotter of ["overlayfs", "native"]) {
    await ok(daemon, "images", "pull", "--snapshotter", snapshotter, "--plain-http", image);
  }
  const owned = stack.move();
  return { image, daemon, scratch, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function ok(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Changes of every kind, with times of their own. */
const change =
  `cd /files; umask 022; echo new >new; chown 7:8 new; echo more >>own; chmod 0711 chown; rm hard2
  mkdir made; chown 50003:60000 made; echo in >made/in; ln -s in made/link; chown -h 9:10 made/link; mknod pipe p
  rm -r opaque; mkdir opaque; echo over >opaque/over; ln new made/new; touch -hd '2010-01-02 03:04:05' /files/* made/*
  touch -d '2010-01-02 03:04:05' opaque/over; touch -d '2010-01-02 03:04:05' opaque made /files /`;
/** What somebody who has nothing but the program's capabilities may do. */
const tryIt = "cp /files/new /tmp/x; /files/chown 5:6 /tmp/x; stat -c %u:%g /tmp/x";

Deno.test("containers with a user namespace are committed with the ids within", async (t) => {
  await using s = await start();
  const { daemon, image } = s;
  /** Runs a container with the changes and commits it; gives what it saw itself, and what the layer says. */
  const commit = async (id: string, name: string, flags: string[]) => {
    const seen = await ok(
      daemon,
      "run",
      ...flags,
      image,
      id,
      "sh",
      "-ec",
      `{ ${change}; } && { ${listOwners}; }`,
    );
    await ok(daemon, "containers", "commit", id, name);
    const snapshotter = flags.includes("native") ? "native" : "overlayfs";
    const diff = `${ctrPath} --address ${daemon.address} snapshots --snapshotter ${snapshotter} diff ${id}`;
    const list = "tar -tzvv --numeric-owner --full-time --xattrs --xattrs-include='*'";
    const entries = await must("sh", ["-c", `${diff} | ${list}`]);
    return { seen, entries: entries.split("\n").filter((line) => / files|^ {2}x:/.test(line)) };
  };
  const ways: Record<string, string[]> = {
    "no user namespace": [],
    "copied files": maps,
    "files mapped by the overlay": labels,
    "files of a native snapshot": [...labels, "--snapshotter", "native"],
    "files copied for a native snapshot": [...maps, "--snapshotter", "native"],
  };
  let expected = "";
  let layer: string[] | undefined;
  let n = 0;
  for (const [name, flags] of Object.entries(ways)) {
    await t.step(name, async () => {
      const [id, made] = [`mapped${n}`, `docker.io/library/made:${n++}`];
      const { seen, entries } = await commit(id, made, flags);
      expected ||= seen;
      assert.equal(seen, expected);
      // The same changes make the same layer: nothing is in it that wasn't changed.
      layer ||= entries;
      assert.deepEqual(entries, layer);
      const where = flags.includes("native") ? ["--snapshotter", "native"] : [];
      for (const again of [[], maps, labels]) {
        const run = (...words: string[]) =>
          ok(
            daemon,
            "run",
            "--rm",
            ...again,
            ...where,
            ...words.slice(0, -1),
            made,
            "remade",
            "sh",
            "-c",
            words.at(-1)!,
          );
        assert.equal(await run(listOwners), expected);
        assert.equal(await run("--allow-new-privs", "--user", "alice", tryIt), "5:6\n");
      }
      await ok(daemon, "rm", id);
    });
  }

  await t.step("an owner who is nobody within is named", async () => {
    for (const flags of [maps, labels]) {
      await ok(daemon, "run", ...flags, image, "alien", "sh", "-ec", "echo a >/files/alien");
      const mounts = await ok(daemon, "snapshots", "mounts", "/t", "alien");
      const upper = /upperdir=([^,]+)/.exec(mounts)![1]!;
      await must("chown", ["5:300001", `${upper}/files/alien`]);
      for (
        const args of [["containers", "commit", "alien", "docker.io/library/no:1"], [
          "snapshots",
          "diff",
          "alien",
        ]]
      ) {
        const { code, stderr } = await daemon.ctr(args);
        assert.equal(code, 1);
        assert.match(
          stderr,
          /"files\/alien": belongs to user 5, which the id mappings leave out: failed precondition/,
        );
      }
      await ok(daemon, "rm", "alien");
    }
  });

  await t.step("the host's files in a user namespace, and checkpoints, are refused as before", async () => {
    await ok(daemon, "run", ...maps, image, "held", "true");
    const { stderr } = await daemon.ctr([
      "containers",
      "checkpoint",
      "--rw",
      "held",
      "docker.io/library/no:1",
    ]);
    assert.match(
      stderr,
      /has a user namespace: its files have other owners, and no checkpoint.*failed precondition/,
    );
    await ok(daemon, "rm", "held");
  });
});

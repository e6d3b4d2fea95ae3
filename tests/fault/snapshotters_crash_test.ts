/** kill -9 while an image is unpacked by snapshotters whose layers need their parents. */
import assert from "node:assert/strict";
import {
  imageOfDirs,
  type Layout,
  mountBtrfs,
  must,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../harness/mod.ts";
import { noTraces } from "./support.ts";

/** Four layers of 2,000 files; each changes the first file and takes one of the layer below away. */
async function manyFiles(scratch: Scratch): Promise<Layout> {
  const layers = [1, 2, 3, 4].map((n) => scratch.join(`layer${n}`));
  const script = `
    n=0
    for layer; do
      n=$((n + 1)); mkdir -p "$layer/$n" "$layer/0"; echo $n >"$layer/0/first"
      for f in $(seq 1 2000); do echo "$n $f" >"$layer/$n/$f"; done
      [ $n = 1 ] || { mkdir -p "$layer/$((n - 1))"; : >"$layer/$((n - 1))/.wh.7"; }
    done`;
  await must("sh", ["-ec", script, "sh", ...layers]);
  return await imageOfDirs(scratch.join("image"), layers, ["--config.cmd", "true"]);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 4000; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within 20 seconds: ${what}`);
}

/** Mount points outside of a directory that show something of its file systems or of itself. */
async function mountsFrom(root: string): Promise<string[]> {
  const lines = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n").map((line) => line.split(" "));
  const device = lines.find((fields) => fields[4] === root)?.at(-2);
  // A root that is no mount point has no file system of its own.
  const shows = (fields: string[]) => device !== undefined && fields.at(-2) === device;
  return lines.filter((fields) => fields[4] !== root && (shows(fields) || fields[3]?.startsWith(root)))
    .map((fields) => fields[4]!);
}

for (const name of ["native", "btrfs"]) {
  Deno.test(`${name}: a daemon killed while it unpacks leaves whole snapshots, and the rest is swept`, async () => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    const image = await push(await manyFiles(scratch), registry, "many:1");
    const prepare = name === "btrfs" ? (dir: string) => mountBtrfs(`${dir}/root`) : undefined;
    await using daemon = await startLongshore({ where: "shm", prepare });
    const flag = ["--snapshotter", name];
    const onDisk = () => [...Deno.readDirSync(`${daemon.root}/snapshots/${name}`)].length;
    for (const layers of [1, 3]) {
      const cut = daemon.ctr(["images", "pull", ...flag, image]);
      await until(`${layers} snapshots are on disk`, () => onDisk() >= layers);
      await daemon.crash();
      assert.equal((await cut).code, 1);
      await daemon.restart();
      assert.deepEqual(await mountsFrom(daemon.root), [], "a mount was left");
    }
    const pulled = await daemon.ctr(["images", "pull", ...flag, image]);
    assert.equal(pulled.code, 0, pulled.stderr);
    await until("what was cut is swept", () => onDisk() === 4);
    const target = scratch.join("mounted");
    await Deno.mkdir(target);
    const mounted = await daemon.ctr(["images", "mount", ...flag, image, target]);
    assert.equal(mounted.code, 0, mounted.stderr);
    try {
      const counts = await must("sh", [
        "-c",
        'cd "$1"; for d in 1 2 3 4; do ls $d | wc -l; done',
        "sh",
        target,
      ]);
      assert.equal(counts, "1999\n1999\n1999\n2000\n");
      assert.equal(await Deno.readTextFile(`${target}/0/first`), "4\n");
      assert.equal(await must("sh", ["-c", 'cat "$1"/3/* | wc -l', "sh", target]), "1999\n");
    } finally {
      await daemon.ctr(["images", "unmount", ...flag, "--rm", target]);
    }
    assert.equal(onDisk(), 4);
    await noTraces(daemon);
  });
}

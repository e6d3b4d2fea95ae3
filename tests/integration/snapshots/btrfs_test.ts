import assert from "node:assert/strict";
import { openBtrfs } from "../../../lib/snapshots/mod.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { mountBtrfs, must, Scratch } from "../../harness/mod.ts";
import { snapshotterSuite } from "./suite.ts";

const prepare = (dir: string) => mountBtrfs(`${dir}/snapshots`);

snapshotterSuite("btrfs", { open: openBtrfs, prepare });

Deno.test("btrfs: mounts name the subvolume as containerd's do", async () => {
  await using scratch = await Scratch.make();
  await mountBtrfs(scratch.join("btrfs"));
  const root = scratch.join("btrfs", "snapshots");
  await using btrfs = await openBtrfs(root);
  await btrfs.create("1", [], "active");
  await btrfs.create("2", ["1"], "active");
  await btrfs.create("3", ["1"], "view");
  await btrfs.create("4", [], "view");
  const idOf = async (id: string) =>
    /Subvolume ID:\s*(\d+)/.exec(await must("btrfs", ["subvolume", "show", `${root}/${id}`]))![1];
  const device = (await must("findmnt", ["-no", "SOURCE", scratch.join("btrfs")])).trim();
  const mount = (...options: string[]) => [{ type: "btrfs", source: device, target: "", options }];
  assert.deepEqual(btrfs.mounts("1", [], "active"), mount(`subvolid=${await idOf("1")}`));
  assert.deepEqual(btrfs.mounts("2", ["1"], "active"), mount(`subvolid=${await idOf("2")}`));
  assert.deepEqual(btrfs.mounts("3", ["1"], "view"), mount(`subvolid=${await idOf("1")}`, "ro"));
  assert.deepEqual(btrfs.mounts("4", [], "view"), mount(`subvolid=${await idOf("4")}`, "ro"));
});

Deno.test("btrfs: another file system is refused by its name", async () => {
  await using scratch = await Scratch.make("shm");
  await assert.rejects(
    openBtrfs(scratch.join("root")),
    /path \S+\/root \(tmpfs\) must be a btrfs filesystem to be used with the btrfs snapshotter: failed precondition/,
  );
});

Deno.test("btrfs: a parent is frozen, also where it is still mounted", async () => {
  await using scratch = await Scratch.make();
  await mountBtrfs(scratch.join("btrfs"));
  await using btrfs = await openBtrfs(scratch.join("btrfs", "snapshots"));
  await btrfs.create("1", [], "active");
  const target = scratch.join("mounted");
  await Deno.mkdir(target);
  mountAll(btrfs.mounts("1", [], "active"), target);
  await Deno.writeTextFile(`${target}/before`, "");
  await btrfs.create("2", ["1"], "active");
  await assert.rejects(Deno.writeTextFile(`${target}/after`, ""), /Read-only file system/);
  await unmountAll(target);
});

Deno.test("btrfs: a removal takes the subvolumes inside with it, and gives their space back", async () => {
  await using scratch = await Scratch.make();
  await mountBtrfs(scratch.join("btrfs"));
  const root = scratch.join("btrfs", "snapshots");
  await using btrfs = await openBtrfs(root);
  await btrfs.create("1", [], "active");
  await must("btrfs", ["-q", "subvolume", "create", `${root}/1/a`]);
  await must("mkdir", ["-p", `${root}/1/a/d/e`]);
  await must("btrfs", ["-q", "subvolume", "create", `${root}/1/a/d/e/b`]);
  await must("btrfs", ["-q", "property", "set", `${root}/1/a`, "ro", "true"]);
  await btrfs.create("2", ["1"], "active");
  await btrfs.remove("1");
  await btrfs.remove("2");
  await btrfs.removed();
  assert.deepEqual(await btrfs.ids(), []);
  assert.equal(await must("btrfs", ["subvolume", "list", scratch.join("btrfs")]), "");
  assert.equal(await must("btrfs", ["subvolume", "list", "-d", scratch.join("btrfs")]), "");
});

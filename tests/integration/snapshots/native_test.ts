import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { openNative } from "../../../lib/snapshots/mod.ts";
import { mountBtrfs, must, Scratch } from "../../harness/mod.ts";
import { snapshotterSuite } from "./suite.ts";

snapshotterSuite("native", { open: openNative, copies: true });

Deno.test("native: mounts have the shape of containerd's", async () => {
  await using scratch = await Scratch.make();
  await using native = await openNative(scratch.join("native"));
  const bind = (id: string, mode: string) => [
    { type: "bind", source: `${scratch.join("native")}/${id}`, target: "", options: ["rbind", mode] },
  ];
  assert.deepEqual(native.mounts("1", [], "active"), bind("1", "rw"));
  assert.deepEqual(native.mounts("2", [], "view"), bind("2", "ro"));
  assert.deepEqual(native.mounts("3", ["2", "1"], "active"), bind("3", "rw"));
  assert.deepEqual(native.mounts("4", ["2", "1"], "view"), bind("2", "ro"));
});

Deno.test("native: a copy that doesn't fit is refused, and its place is free again", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("small"));
  await must("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", scratch.join("small")]);
  const root = scratch.join("small", "native");
  await using native = await openNative(root);
  await native.create("1", [], "active");
  await must("dd", ["if=/dev/zero", `of=${root}/1/large`, "bs=1M", "count=5", "status=none"]);
  await assert.rejects(
    native.create("2", ["1"], "active"),
    (error) => isError(error, Code.ResourceExhausted) && /no space left/.test(error.message),
  );
  await native.remove("2");
  await native.removed();
  assert.deepEqual(await native.ids(), ["1"]);
  await Deno.remove(`${root}/1/large`);
  await native.create("3", ["1"], "active");
});

Deno.test("native: blocks are shared where the file system can", async () => {
  await using scratch = await Scratch.make();
  await mountBtrfs(scratch.join("btrfs"));
  const root = scratch.join("btrfs", "native");
  await using native = await openNative(root);
  await native.create("1", [], "active");
  await must("dd", ["if=/dev/urandom", `of=${root}/1/large`, "bs=1M", "count=20", "status=none"]);
  await native.create("2", ["1"], "active");
  await must("sync", ["-f", root]);
  const line = (await must("btrfs", ["filesystem", "du", "-s", "--raw", `${root}/1`, `${root}/2`])).trim()
    .split("\n");
  const exclusive = line.slice(1).map((row) => Number(row.trim().split(/\s+/)[1]));
  assert.deepEqual(exclusive, [0, 0]);
  await must("cmp", [`${root}/1/large`, `${root}/2/large`]);
});

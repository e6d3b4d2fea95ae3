import assert from "node:assert/strict";
import { openNative } from "../../../lib/snapshots/mod.ts";
import { Scratch } from "../../harness/mod.ts";
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

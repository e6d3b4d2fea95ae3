import assert from "node:assert/strict";
import { openOverlay } from "../../../lib/snapshots/mod.ts";
import { Scratch } from "../../harness/mod.ts";
import { snapshotterSuite } from "./suite.ts";

snapshotterSuite("overlayfs", { open: openOverlay });

Deno.test("overlayfs: mounts have the shape of containerd's", async () => {
  await using scratch = await Scratch.make();
  await using overlay = await openOverlay(scratch.join("overlay"));
  const at = (id: string) => `${scratch.join("overlay")}/${id}`;
  const index = overlay.mounts("3", ["2", "1"], "active")[0]!.options[0] === "index=off" ? ["index=off"] : [];
  assert.deepEqual(overlay.mounts("1", [], "active"), [
    { type: "bind", source: `${at("1")}/fs`, target: "", options: ["rw", "rbind"] },
  ]);
  assert.deepEqual(overlay.mounts("2", ["1"], "view"), [
    { type: "bind", source: `${at("1")}/fs`, target: "", options: ["ro", "rbind"] },
  ]);
  assert.deepEqual(overlay.mounts("3", ["2", "1"], "active"), [{
    type: "overlay",
    source: "overlay",
    target: "",
    options: [
      ...index,
      `workdir=${at("3")}/work`,
      `upperdir=${at("3")}/fs`,
      `lowerdir=${at("2")}/fs:${at("1")}/fs`,
    ],
  }]);
  assert.deepEqual(overlay.mounts("4", ["2", "1"], "view")[0]!.options, [
    ...index,
    `lowerdir=${at("2")}/fs:${at("1")}/fs`,
  ]);
});

Deno.test("overlayfs: what a removal did not finish is deleted at the next start", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("overlay", "rm-7", "fs"), { recursive: true });
  await using overlay = await openOverlay(scratch.join("overlay"));
  assert.deepEqual(await overlay.ids(), []);
  await overlay[Symbol.asyncDispose]();
  assert.deepEqual([...Deno.readDirSync(scratch.join("overlay"))], []);
});

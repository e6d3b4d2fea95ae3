import assert from "node:assert/strict";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { planOf } from "../../../lib/mounts/plan.ts";

const mountsOf = (...types: string[]): Mount[] =>
  types.map((type) => ({ type, source: "", target: "", options: [] }));

/** Types of what the manager mounts, and of what is left, with what is done to them before. */
function plan(types: string[], temporary = false) {
  const { ours, system } = planOf(mountsOf(...types), { temporary });
  const words = (steps: typeof ours) =>
    steps.map(({ transforms, mount }) => [...transforms, mount.type].join(">"));
  return [words(ours), words(system)];
}

Deno.test("planOf() has the manager make what isn't the kernel's, and all that others are told of", () => {
  assert.deepEqual(plan(["loop", "ext4"]), [["loop"], ["ext4"]]);
  assert.deepEqual(plan(["ext4", "loop", "bind"]), [["ext4", "loop"], ["bind"]]);
  assert.deepEqual(plan(["ext4", "format/overlay"]), [["ext4"], ["format>overlay"]]);
  assert.deepEqual(plan(["mkfs/loop", "format/ext4", "format/mkdir/overlay", "bind"]), [
    ["mkfs>loop", "format>ext4"],
    ["format>mkdir>overlay", "bind"],
  ]);
  assert.deepEqual(plan(["mkdir/bind"]), [[], ["mkdir>bind"]]);
  assert.deepEqual(plan(["ext4", "format/bind"], true), [["ext4", "format>bind"], []]);
  assert.deepEqual(plan(["loop", "other/loop"]), [["loop"], ["other/loop"]]);
});

Deno.test("planOf() leaves to the caller what the kernel can do by itself", () => {
  for (const types of [[], ["overlay"], ["bind", "tmpfs"], ["format"], ["unknown/ext4"]]) {
    assert.throws(() => plan(types), (error) => isError(error, Code.Unimplemented));
  }
});

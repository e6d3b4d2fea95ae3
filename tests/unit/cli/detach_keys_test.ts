import assert from "node:assert/strict";
import { DetachKeys, parseDetachKeys } from "../../../lib/cli/process/detach_keys.ts";

const bytes = (...numbers: number[]) => new Uint8Array(numbers);

Deno.test("detach keys are read as Docker writes them", () => {
  assert.deepEqual(parseDetachKeys("ctrl-p,ctrl-q"), bytes(16, 17));
  assert.deepEqual(parseDetachKeys("ctrl-A,d,ctrl-@,ctrl-["), bytes(1, 100, 0, 27));
  assert.deepEqual(parseDetachKeys(""), bytes());
  for (const bad of ["ctrl-", "ctrl-1", "ab", ",", "ä"]) {
    assert.throws(() => parseDetachKeys(bad), /is no key/, bad);
  }
});

Deno.test("what is typed passes, but for the keys; a beginning of them waits for the next key", () => {
  const keys = new DetachKeys(bytes(16, 17));
  const pass = (...typed: number[]) => {
    const { passed, detached } = keys.pass(bytes(...typed));
    return [...passed, ...detached ? ["detached"] : []];
  };
  assert.deepEqual(pass(97, 98), [97, 98]);
  assert.deepEqual(pass(16), []);
  assert.deepEqual(pass(97), [16, 97]);
  assert.deepEqual(pass(16, 16), [16]);
  assert.deepEqual(pass(17, 99), ["detached"]);
  assert.deepEqual(new DetachKeys(bytes()).pass(bytes(16, 17)).passed, bytes(16, 17));
});

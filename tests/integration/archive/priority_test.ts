/** Workers with much to do, beside whom the daemon has to answer. */
import assert from "node:assert/strict";
import { must } from "../../harness/mod.ts";

Deno.test("a layer's Worker lets the first thread go first, which stays as it is", async () => {
  const script = new URL("./priority.ts", import.meta.url).pathname;
  const told = await must(Deno.execPath(), ["run", "-A", "--quiet", "--no-check", script]);
  const { before, first, workers } = JSON.parse(told);
  assert.equal(first, before);
  assert.deepEqual(workers, [Math.min(first + 5, 19)]);
});

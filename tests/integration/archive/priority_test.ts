/** Workers with much to do, beside whom the daemon has to answer. */
import assert from "node:assert/strict";
import { runAlone } from "../../harness/mod.ts";

Deno.test("a layer's Worker lets the first thread go first, which stays as it is", async () => {
  const { before, first, workers } = await runAlone(new URL("./priority.ts", import.meta.url));
  assert.equal(first, before);
  assert.deepEqual(workers, [Math.min(first + 5, 19)]);
});

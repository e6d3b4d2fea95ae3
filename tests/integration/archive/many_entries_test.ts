/** A layer of a million entries: memory and time are bounded by what is on the way, not by how much there is. */
import assert from "node:assert/strict";
import { runAlone, Scratch } from "../../harness/mod.ts";

/** Bytes that a process may grow by: two Workers, what is on the way between them, and 50,000 directories' times. */
const GROWTH = 150e6;

Deno.test("a layer of a million entries is unpacked in bounded memory, and all of it", async () => {
  await using scratch = await Scratch.make("shm");
  const script = new URL("./many_entries.ts", import.meta.url);
  const { entries, grown, last, nlink } = await runAlone(script, [scratch.path], { timeout: 400_000 });
  assert.equal(entries, 1_000_000);
  assert.ok(grown < GROWTH, `grew by ${Math.round(grown / 1e6)} MB`);
  const files = Array.from({ length: 14 }, (_, n) => `${n}`);
  assert.deepEqual(last, [...files, "0.hard", "0.soft", "1.hard", "1.soft", "2.hard"].sort());
  assert.equal(nlink, 2);
});

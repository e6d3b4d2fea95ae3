import assert from "node:assert/strict";
import { Flights } from "../../../lib/transfer/flights.ts";

Deno.test("who comes later joins the work under way", async () => {
  const flights = new Flights();
  let count = 0;
  const work = async () => {
    await Promise.resolve();
    return ++count;
  };
  assert.deepEqual(await Promise.all([flights.join("a", work), flights.join("a", work)]), [1, 1]);
  assert.equal(await flights.join("a", work), 2);
});

Deno.test("work ends when the last who wants it has left", async () => {
  const flights = new Flights();
  let aborted = false;
  const work = (signal: AbortSignal) =>
    new Promise<void>((_, reject) =>
      signal.addEventListener("abort", () => {
        aborted = true;
        reject(signal.reason);
      })
    );
  const [one, two] = [new AbortController(), new AbortController()];
  const first = assert.rejects(flights.join("a", work, { signal: one.signal }));
  const second = assert.rejects(flights.join("a", work, { signal: two.signal }));
  one.abort();
  await first;
  assert.equal(aborted, false);
  two.abort();
  await second;
  assert.equal(aborted, true);
  assert.equal(flights.has("a"), false);
});

Deno.test("failures reach all who wait", async () => {
  const flights = new Flights();
  const work = () => Promise.reject(new Error("broken"));
  const all = [1, 2, 3].map(() => flights.join("a", work).catch((error) => error.message));
  assert.deepEqual(await Promise.all(all), ["broken", "broken", "broken"]);
});

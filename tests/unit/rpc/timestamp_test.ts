import assert from "node:assert/strict";
import { fromMillis, now, nowMillis, toMillis } from "../../../lib/rpc/timestamp.ts";

Deno.test("nowMillis() is the machine's clock, finer than a millisecond", () => {
  const times = Array.from({ length: 200 }, () => {
    const before = Date.now();
    const time = nowMillis();
    assert.ok(before <= time && time < Date.now() + 1, `${time} is not after ${before}`);
    return time;
  });
  assert.ok(times.some((time) => !Number.isInteger(time)));
});

Deno.test("now() is later than the moment before it, to the microsecond", () => {
  const before = fromMillis(nowMillis());
  const time = now();
  assert.ok(toMillis(before) <= toMillis(time));
  assert.equal(time.nanos % 1000, 0);
});

Deno.test("fromMillis() and toMillis() keep microseconds", () => {
  assert.deepEqual(fromMillis(1_700_000_000_123.456), { seconds: 1_700_000_000n, nanos: 123_456_000 });
  assert.equal(toMillis({ seconds: 1n, nanos: 500_000 }), 1000.5);
});

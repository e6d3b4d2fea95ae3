import assert from "node:assert/strict";
import type { Envelope } from "../../../lib/api/types/event.ts";
import { invalidArgument, unavailable } from "../../../lib/errors.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { EventQueue } from "../../../lib/shim/events.ts";

/** A daemon that answers each Forward as `answer` says. */
function daemon(answer: (envelope: Envelope) => void) {
  const forward = ({ envelope }: { envelope: Envelope }) => Promise.resolve(answer(envelope));
  return { stub: () => ({ forward }), [Symbol.asyncDispose]: () => Promise.resolve() } as unknown as Channel;
}

async function drained(queue: EventQueue): Promise<void> {
  for (let n = 0; n < 200 && queue.pending; n++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(queue.pending, 0);
}

Deno.test("EventQueue delivers in order when the daemon is away at first and fails in between", async () => {
  const seen: string[] = [];
  let connects = 0;
  let calls = 0;
  const channel = daemon(({ topic }) => {
    if (++calls === 2) throw unavailable("gone");
    seen.push(topic);
  });
  const queue = new EventQueue(() =>
    ++connects === 1 ? Promise.reject(unavailable("away")) : Promise.resolve(channel)
  );
  for (const topic of ["/a", "/b", "/c"]) {
    queue.publish("ns", topic, { typeUrl: "x", value: new Uint8Array() });
  }
  await drained(queue);
  assert.deepEqual(seen, ["/a", "/b", "/c"]);
  assert.equal(connects, 3);
});

Deno.test("EventQueue goes on to the next event when one is refused", async () => {
  const seen: string[] = [];
  const channel = daemon(({ topic }) => {
    if (topic === "/bad") throw invalidArgument("topic");
    seen.push(topic);
  });
  const queue = new EventQueue(() => Promise.resolve(channel));
  for (const topic of ["/bad", "/good"]) {
    queue.publish("ns", topic, { typeUrl: "x", value: new Uint8Array() });
  }
  await drained(queue);
  assert.deepEqual(seen, ["/good"]);
});

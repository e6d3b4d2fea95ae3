import assert from "node:assert/strict";
import fc from "fast-check";
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import { Data, WindowUpdate } from "../../../lib/api/types/transfer/streaming.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { type MessageStream, receiveBytes, sendBytes } from "../../../lib/rpc/byte_stream.ts";
import { Queue } from "../../../lib/rpc/queue.ts";

/** Both sides of a stream. */
function pair(): [MessageStream & { close(): void }, MessageStream & { close(): void }] {
  const [there, back] = [new Queue<Any>(), new Queue<Any>()];
  const side = (out: Queue<Any>, incoming: Queue<Any>) => ({
    incoming: incoming[Symbol.asyncIterator](),
    send: (message: Any) => void out.push(message),
    close: () => out.close(),
  });
  return [side(there, back), side(back, there)];
}

async function* from(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

Deno.test("bytes arrive as they were sent, however long they are", async () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 3 << 20 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(lengths, async (lengths) => {
      const [one, other] = pair();
      const parts = lengths.map((length, n) => new Uint8Array(length).fill(n + 1));
      const sending = sendBytes(one, from(parts)).then((all) => {
        one.close();
        return all;
      });
      let at = 0;
      const whole = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
      for await (const bytes of receiveBytes(other)) {
        whole.set(bytes, at);
        at += bytes.length;
      }
      assert.equal(at, whole.length);
      assert.ok(await sending);
      let start = 0;
      for (const part of parts) {
        assert.ok(whole.subarray(start, start + part.length).every((byte) => byte === part[0]));
        start += part.length;
      }
    }),
    { numRuns: 15 },
  );
});

Deno.test("nothing is sent before the receiver has room, and no more than it has", async () => {
  const [one, other] = pair();
  const sending = sendBytes(one, from([new Uint8Array(100)]));
  other.send(anyOf("containerd.types.transfer.WindowUpdate", WindowUpdate, { update: 30 }));
  const { value } = await other.incoming.next();
  assert.equal(Data.decode(value.value).data.length, 30);
  other.close();
  assert.equal(await sending, false, "the receiver has gone before the end");
});

Deno.test("a sender stops when it is told to", async () => {
  const [one] = pair();
  const abort = new AbortController();
  const sending = sendBytes(one, from([new Uint8Array(100)]), abort.signal);
  abort.abort();
  assert.equal(await sending, false);
});

Deno.test("a receiver refuses more than its window, and other messages", async () => {
  const [one, other] = pair();
  const data = new Uint8Array(5 << 20);
  one.send(anyOf("containerd.types.transfer.Data", Data, { data }));
  await assert.rejects(Array.fromAsync(receiveBytes(other)), /more than its window/);
  const [three, four] = pair();
  three.send(anyOf("google.protobuf.Empty", Data, { data: new Uint8Array() }));
  await assert.rejects(Array.fromAsync(receiveBytes(four)), /holds a google.protobuf.Empty/);
});

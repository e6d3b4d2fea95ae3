import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FrameType, FrameWriter, readFrames } from "../../../lib/rpc/ttrpc/frame.ts";

/** A connection that gives what was written to it, in pieces as long as it is told. */
function connection(pieces: number[]) {
  const written: number[] = [];
  let at = 0;
  let turn = 0;
  return {
    write(bytes: Uint8Array) {
      for (const byte of bytes) written.push(byte);
      return Promise.resolve(bytes.length);
    },
    read(into: Uint8Array) {
      if (at === written.length) return Promise.resolve(null);
      const count = Math.min(into.length, pieces[turn++ % pieces.length]!, written.length - at);
      into.set(written.slice(at, at + count));
      at += count;
      return Promise.resolve(count);
    },
  } as unknown as Deno.Conn;
}

Deno.test("frames arrive as they were sent, in whatever pieces the connection gives them", async () => {
  const lengths = fc.array(fc.oneof(fc.nat(100), fc.nat(400_000)), { minLength: 1, maxLength: 4 });
  const pieces = fc.array(fc.integer({ min: 1000, max: 250_000 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(lengths, pieces, async (lengths, pieces) => {
      const conn = connection(pieces);
      const writer = new FrameWriter(conn);
      const sent = lengths.map((length, n) => Uint8Array.from({ length }, (_, at) => (at * 31 + n) % 251));
      for (const [n, payload] of sent.entries()) await writer.send(n, FrameType.Data, 0, payload);
      const got = await Array.fromAsync(readFrames(conn));
      assert.equal(got.length, sent.length);
      for (const [n, frame] of got.entries()) {
        assert.equal(frame.stream, n);
        assert.ok(Buffer.compare(frame.payload, sent[n]!) === 0, `payload ${n}`);
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("a payload in pieces is one frame, whatever their lengths", async () => {
  for (
    const lengths of [[], [0], [5, 0, 7], [10, 100_000], [100_000, 10], [70_000, 70_000], [40_000, 40_000, 5]]
  ) {
    const pieces = lengths.map((length, n) => new Uint8Array(length).fill(n + 1));
    const conn = connection([250_000]);
    await new FrameWriter(conn).send(3, FrameType.Data, 0, pieces);
    const [frame, ...more] = await Array.fromAsync(readFrames(conn));
    assert.equal(more.length, 0);
    assert.equal(Buffer.compare(frame!.payload, Buffer.concat(pieces)), 0, lengths.join());
  }
});

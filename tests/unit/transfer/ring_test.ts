import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, CtrError, isError } from "../../../lib/errors.ts";
import { cancelRing, makeRing, RingReader, type RingSize, RingWriter } from "../../../lib/transfer/ring.ts";
import type { Outcome, Side } from "./ring_worker.ts";

const size: RingSize = { slots: 3, slotSize: 16 };

/** Both sides on this thread, which must never have to wait. */
function pair(of: RingSize = size) {
  const memory = makeRing(of);
  return { memory, writer: new RingWriter(memory), reader: new RingReader(memory) };
}

/** Runs one side in a Worker of its own; gives how it ended. */
class Elsewhere implements Disposable {
  readonly outcome: Promise<Outcome>;
  readonly #worker = new Worker(new URL("./ring_worker.ts", import.meta.url), { type: "module" });

  constructor(side: Side) {
    this.outcome = new Promise((resolve) => this.#worker.onmessage = ({ data }) => resolve(data));
    this.#worker.postMessage(side);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

const canceled = (error: unknown) => isError(error, Code.Canceled);

Deno.test("a ring passes on what it is given, around its end, with and without a copy", () => {
  const { writer, reader } = pair({ slots: 4, slotSize: 16 });
  const text = new TextDecoder();
  for (let round = 0; round < 10; round++) {
    const room = writer.room();
    assert.equal(room, writer.room(), "the same until it is published");
    room.set([1, 2, round]);
    writer.write(room, 3);
    writer.write(new TextEncoder().encode(`copied ${round}, over two slots`));
    assert.deepEqual([...reader.read()!], [1, 2, round]);
    const both = text.decode(reader.read()!.slice()) + text.decode(reader.read()!.slice());
    assert.equal(both, `copied ${round}, over two slots`);
  }
});

Deno.test("a piece stays as it is until the next is asked for", () => {
  const { writer, reader } = pair({ slots: 2, slotSize: 4 });
  writer.write(Uint8Array.of(1));
  writer.write(Uint8Array.of(2));
  const piece = reader.read()!;
  assert.equal(piece[0], 1);
  reader.read();
  writer.write(Uint8Array.of(3));
  assert.equal(piece[0], 3);
});

Deno.test("a piece of no bytes is none", () => {
  const { writer, reader } = pair();
  writer.write(writer.room(), 0);
  writer.write(new Uint8Array(0));
  writer.write(Uint8Array.of(7));
  assert.deepEqual([...reader.read()!], [7]);
});

for (const end of ["finish", "cut"] as const) {
  Deno.test(`a reader that is done before the writer's ${end} lets it go at once`, () => {
    const { writer, reader } = pair();
    reader.done();
    writer[end]();
    assert.equal(reader.read(), undefined);
    assert.equal(reader.isWhole, end === "finish");
  });
}

Deno.test("a reader's failure is thrown at the writer's next step, whichever it is; the first one stands", () => {
  const steps: ((writer: RingWriter) => unknown)[] = [
    (writer) => writer.room(),
    (writer) => writer.write(Uint8Array.of(1)),
    (writer) => writer.finish(),
    (writer) => writer.cut(),
  ];
  for (const step of steps) {
    const memory = makeRing(size);
    const writer = new RingWriter(memory, (reason) => new CtrError(Code.DataLoss, reason));
    const reader = new RingReader(memory);
    reader.fail("no späce");
    reader.fail("something else");
    reader.done();
    assert.throws(() => step(writer), (error) => {
      assert.ok(isError(error, Code.DataLoss) && error instanceof CtrError);
      assert.equal(error.message, "no späce");
      return true;
    });
  }
});

Deno.test("a reason that is too long is cut", () => {
  const { writer, reader } = pair();
  reader.fail("x".repeat(100_000));
  assert.throws(() => writer.room(), (error) => (error as Error).message === "x".repeat(16 << 10));
});

Deno.test("a cancelled ring lets neither side do anything", () => {
  const { memory, writer, reader } = pair();
  writer.write(Uint8Array.of(1));
  cancelRing(memory);
  for (const step of [() => writer.room(), () => writer.finish(), () => writer.cut(), () => reader.read()]) {
    assert.throws(step, canceled);
  }
});

Deno.test("rings pass on any bytes in any pieces between two threads", async () => {
  const shapes = fc.record({
    slots: fc.integer({ min: 1, max: 6 }),
    slotSize: fc.integer({ min: 1, max: 300 }),
    lengths: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 60 }),
    inPlace: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ slots, slotSize, lengths, inPlace }) => {
      const memory = makeRing({ slots, slotSize });
      const bytes = Uint8Array.from(
        { length: lengths.reduce((sum, n) => sum + n, 0) },
        (_, n) => n * 7 % 251,
      );
      using writing = new Elsewhere({ role: "writer", memory, bytes, lengths, inPlace });
      using reading = new Elsewhere({ role: "reader", memory });
      assert.deepEqual(await writing.outcome, { ended: "finished" });
      assert.deepEqual(await reading.outcome, { ended: "done", whole: true, bytes });
    }),
    { numRuns: 15 },
  );
});

Deno.test("a writer that waits for room hears of a failure and of a cancel", async () => {
  const bytes = new Uint8Array(1000);
  for (const [how, ended] of [["fail", "full"], ["cancel", "Canceled"]] as const) {
    const memory = makeRing(size);
    using writing = new Elsewhere({ role: "writer", memory, bytes, lengths: [1000], inPlace: false });
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (how === "fail") new RingReader(memory).fail("full");
    else cancelRing(memory);
    assert.deepEqual(await writing.outcome, { ended });
  }
});

Deno.test("a reader that waits for bytes hears of the end, of a cut and of a cancel", async () => {
  const bytes = new Uint8Array(0);
  const ends: [how: string, outcome: Outcome][] = [
    ["finish", { ended: "done", whole: true, bytes }],
    ["cut", { ended: "done", whole: false, bytes }],
    ["cancel", { ended: "Canceled" }],
  ];
  for (const [how, outcome] of ends) {
    const memory = makeRing(size);
    using reading = new Elsewhere({ role: "reader", memory });
    await new Promise((resolve) => setTimeout(resolve, 150));
    using writing = new Elsewhere({ role: how, memory });
    assert.deepEqual(await reading.outcome, outcome);
    await writing.outcome;
  }
});

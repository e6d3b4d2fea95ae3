import assert from "node:assert/strict";
import { ContentDefinition } from "../../../lib/api/services/content/v1/content.ts";
import { EventsDefinition } from "../../../lib/api/services/events/v1/events.ts";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { Code, isError, notFound } from "../../../lib/errors.ts";
import { service } from "../../../lib/rpc/service.ts";
import { type Start, transports } from "./transports.ts";

/** What holds for every transport. */
function test(name: string, body: (start: Start) => Promise<void>): void {
  for (const [transport, start] of transports) Deno.test(`${transport}: ${name}`, () => body(start));
}

const version = service(VersionDefinition, {
  version: (_, context) => Promise.resolve({ version: context.namespace, revision: context.lease }),
});

test("a unary call carries namespace and lease there, and the answer back", async (start) => {
  await using t = await start([version]);
  const stub = t.channel.stub(VersionDefinition, { namespace: "n" });
  assert.deepEqual(await stub.version({}, { lease: "l" }), { version: "n", revision: "l" });
  const unsaid = { namespace: undefined, lease: "l" };
  assert.deepEqual(await stub.version({}, unsaid), { version: "n", revision: "l" }, "the stub's own stays");
});

test("an unknown service answers Unimplemented, an error its class and words", async (start) => {
  const failing = service(ContentDefinition, { info: () => Promise.reject(notFound("content x")) });
  await using t = await start([failing]);
  await assert.rejects(
    t.channel.stub(VersionDefinition).version({}),
    (error) => isError(error, Code.Unimplemented),
  );
  const content = t.channel.stub(ContentDefinition);
  await assert.rejects(content.info({ digest: "x" }), {
    code: Code.NotFound,
    message: "content x: not found",
  });
  await assert.rejects(content.delete({}), (error) => isError(error, Code.Unimplemented));
});

test("a server's stream arrives in order, and stopping early cancels its handler", async (start) => {
  let cancelled: () => void;
  const stopped = new Promise<void>((resolve) => cancelled = resolve);
  const events = service(EventsDefinition, {
    async *subscribe(_, context) {
      context.signal.addEventListener("abort", () => cancelled());
      for (let n = 0;; n++) yield { timestamp: undefined, namespace: "", topic: String(n), event: undefined };
    },
  });
  await using t = await start([events]);
  const topics: string[] = [];
  for await (const { topic } of t.channel.stub(EventsDefinition).subscribe({ filters: [] })) {
    topics.push(topic);
    if (topics.length === 100) break;
  }
  assert.deepEqual(topics, Array.from({ length: 100 }, (_, n) => String(n)));
  await stopped;
});

test("a slow consumer holds up its producer, and nobody else", async (start) => {
  let produced = 0;
  const content = service(ContentDefinition, {
    async *read() {
      for (; produced < 1000; produced++) yield { offset: 0n, data: new Uint8Array(1 << 20) };
    },
  });
  await using t = await start([content, version]);
  for await (const _ of t.channel.stub(ContentDefinition).read({})) {
    await t.channel.stub(VersionDefinition).version({});
    await new Promise((resolve) => setTimeout(resolve, 50));
    break;
  }
  assert.ok(produced < 100, `${produced} MiB were produced for a consumer that took one`);
});

test("a bidirectional stream talks both ways", async (start) => {
  const content = service(ContentDefinition, {
    async *write(requests) {
      for await (const { offset, action } of requests) {
        yield {
          action,
          startedAt: undefined,
          updatedAt: undefined,
          offset: offset + 1n,
          total: 0n,
          digest: "",
        };
      }
    },
  });
  await using t = await start([content]);
  const answers: bigint[] = [];
  async function* requests() {
    for (let n = 0n; n < 5n; n++) yield { offset: n };
  }
  for await (const { offset } of t.channel.stub(ContentDefinition).write(requests())) answers.push(offset);
  assert.deepEqual(answers, [1n, 2n, 3n, 4n, 5n]);
});

test("a call is cancelled by its signal, its timeout, and the client's end", async (start) => {
  const reasons: string[] = [];
  const hanging = service(VersionDefinition, {
    version: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.message);
          reject(signal.reason);
        });
      }),
  });
  await using t = await start([hanging]);
  const stub = t.channel.stub(VersionDefinition);
  const abort = new AbortController();
  const call = stub.version({}, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 20);
  await assert.rejects(call, /enough/);
  await assert.rejects(stub.version({}, { timeout: 30 }));
  const other = await t.connect();
  const lost = other.stub(VersionDefinition).version({});
  setTimeout(() => other[Symbol.asyncDispose](), 20);
  await assert.rejects(lost, (error) => isError(error, Code.Unavailable));
  while (reasons.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(reasons.length, 3);
});

test("the end of a server cancels what it has under way, and waits for it", async (start) => {
  const log: string[] = [];
  const hanging = service(EventsDefinition, {
    async *subscribe(_, { signal }) {
      yield { timestamp: undefined, namespace: "", topic: "first", event: undefined };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 50));
      log.push("handler ended");
    },
  });
  await using t = await start([hanging]);
  const stream = t.channel.stub(EventsDefinition).subscribe({})[Symbol.asyncIterator]();
  assert.equal((await stream.next()).value?.topic, "first");
  const rest = stream.next().then(() => {}, () => {});
  await t.shutdown();
  await rest;
  assert.deepEqual(log, ["handler ended"]);
});

test("a message of 3 MB and one of no bytes arrive whole, both ways", async (start) => {
  const content = service(ContentDefinition, {
    async *write(requests) {
      for await (const { offset, data, action } of requests) {
        const sum = data.reduce((sum, byte) => sum + byte, 0);
        const digest = `${data.length}/${sum}`;
        yield { action, startedAt: undefined, updatedAt: undefined, offset, total: 0n, digest };
      }
    },
    async *read({ size }) {
      yield { offset: 0n, data: new Uint8Array(Number(size)).fill(1) };
    },
  });
  await using t = await start([content]);
  const stub = t.channel.stub(ContentDefinition);
  async function* requests() {
    for (const size of [3e6, 0, 100_000]) yield { data: new Uint8Array(size).fill(2) };
  }
  const sums: string[] = [];
  for await (const { digest } of stub.write(requests())) sums.push(digest);
  assert.deepEqual(sums, ["3000000/6000000", "0/0", "100000/200000"]);
  for await (const { data } of stub.read({ size: 3_000_000n })) {
    assert.equal(data.length, 3e6);
    assert.ok(data.every((byte) => byte === 1));
  }
});

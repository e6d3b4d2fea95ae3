import assert from "node:assert/strict";
import fc from "fast-check";
import { ContentDefinition } from "../../../lib/api/services/content/v1/content.ts";
import { EventsDefinition } from "../../../lib/api/services/events/v1/events.ts";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { Code, isError, notFound } from "../../../lib/errors.ts";
import { type Service, service } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { serveTtrpc } from "../../../lib/rpc/ttrpc/server.ts";

/** A server on a socket of its own, and a client of it. */
async function serving(services: Service[]) {
  const dir = await Deno.makeTempDir({ prefix: "longshore-ttrpc-" });
  const path = `${dir}/sock`;
  const server = serveTtrpc(Deno.listen({ transport: "unix", path }), services);
  const channel = await connectTtrpc(path);
  const dispose = async () => {
    await channel[Symbol.asyncDispose]();
    await server.shutdown();
    await Deno.remove(dir, { recursive: true });
  };
  return { path, channel, [Symbol.asyncDispose]: dispose };
}

const version = service(VersionDefinition, {
  version: (_, context) => Promise.resolve({ version: context.namespace, revision: context.lease }),
});

Deno.test("a unary call carries namespace and lease there, and the answer back", async () => {
  await using t = await serving([version]);
  const stub = t.channel.stub(VersionDefinition, { namespace: "n" });
  assert.deepEqual(await stub.version({}, { lease: "l" }), { version: "n", revision: "l" });
});

Deno.test("an unknown service answers Unimplemented, an error its class and words", async () => {
  const failing = service(ContentDefinition, { info: () => Promise.reject(notFound("content x")) });
  await using t = await serving([failing]);
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

Deno.test("a server's stream arrives in order, and stopping early cancels its handler", async () => {
  let cancelled: () => void;
  const stopped = new Promise<void>((resolve) => cancelled = resolve);
  const events = service(EventsDefinition, {
    async *subscribe(_, context) {
      context.signal.addEventListener("abort", () => cancelled());
      for (let n = 0;; n++) yield { timestamp: undefined, namespace: "", topic: String(n), event: undefined };
    },
  });
  await using t = await serving([events]);
  const topics: string[] = [];
  for await (const { topic } of t.channel.stub(EventsDefinition).subscribe({ filters: [] })) {
    topics.push(topic);
    if (topics.length === 100) break;
  }
  assert.deepEqual(topics, Array.from({ length: 100 }, (_, n) => String(n)));
  await stopped;
});

Deno.test("a slow consumer holds up its producer, and nobody else", async () => {
  let produced = 0;
  const content = service(ContentDefinition, {
    async *read() {
      for (; produced < 1000; produced++) yield { offset: 0n, data: new Uint8Array(1 << 20) };
    },
  });
  await using t = await serving([content, version]);
  for await (const _ of t.channel.stub(ContentDefinition).read({})) {
    await t.channel.stub(VersionDefinition).version({});
    await new Promise((resolve) => setTimeout(resolve, 50));
    break;
  }
  assert.ok(produced < 100, `${produced} MiB were produced for a consumer that took one`);
});

Deno.test("a bidirectional stream talks both ways", async () => {
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
  await using t = await serving([content]);
  const answers: bigint[] = [];
  async function* requests() {
    for (let n = 0n; n < 5n; n++) yield { offset: n };
  }
  for await (const { offset } of t.channel.stub(ContentDefinition).write(requests())) answers.push(offset);
  assert.deepEqual(answers, [1n, 2n, 3n, 4n, 5n]);
});

Deno.test("a call is cancelled by its signal, its timeout, and the client's end", async () => {
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
  await using t = await serving([hanging]);
  const stub = t.channel.stub(VersionDefinition);
  const abort = new AbortController();
  const call = stub.version({}, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 20);
  await assert.rejects(call, /enough/);
  await assert.rejects(stub.version({}, { timeout: 30 }));
  const other = await connectTtrpc(t.path);
  const lost = other.stub(VersionDefinition).version({});
  setTimeout(() => other[Symbol.asyncDispose](), 20);
  await assert.rejects(lost, (error) => isError(error, Code.Unavailable));
  while (reasons.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(reasons.length, 3);
});

Deno.test("a message over 4 MiB is refused with ResourceExhausted, and the connection lives on", async () => {
  await using t = await serving([version]);
  const stub = t.channel.stub(VersionDefinition);
  const huge = { namespace: "n".repeat(5 << 20) };
  await assert.rejects(stub.version({}, huge), (error) => isError(error, Code.ResourceExhausted));
  assert.equal((await stub.version({}, { namespace: "n" })).version, "n");
});

Deno.test("random bytes neither hang the server nor hurt other clients", async () => {
  await using t = await serving([version]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      using conn = await Deno.connect({ transport: "unix", path: t.path });
      await conn.write(bytes);
      await conn.closeWrite();
      while (await conn.read(new Uint8Array(1024)));
    }),
    { numRuns: 200, seed: 1 },
  );
  assert.equal((await t.channel.stub(VersionDefinition).version({}, { namespace: "n" })).version, "n");
});

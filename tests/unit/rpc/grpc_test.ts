/** What gRPC makes of HTTP/2, as its servers have it. */
import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import { ContentDefinition } from "../../../lib/api/services/content/v1/content.ts";
import { NamespacesDefinition } from "../../../lib/api/services/namespaces/v1/namespace.ts";
import { Code, notFound } from "../../../lib/errors.ts";
import { Flag, frame, FrameType } from "../../../lib/rpc/http2/frame.ts";
import type { Field } from "../../../lib/rpc/http2/hpack.ts";
import { type Service, service } from "../../../lib/rpc/service.ts";
import { callFields, headers, message, number, type RawClient, serving } from "./http2/raw_client.ts";

const GET = "/containerd.services.namespaces.v1.Namespaces/Get";
const READ = "/containerd.services.content.v1.Content/Read";

/** Answers with the length of the name that it is asked for, and with nothing else. */
const namespaces = service(NamespacesDefinition, {
  get: ({ name }, { metadata }) =>
    Promise.resolve({ namespace: { name: String(name.length), labels: Object.fromEntries(metadata) } }),
});

async function withClient(services: Service[], work: (client: RawClient) => Promise<void>): Promise<void> {
  await using server = await serving(services);
  using client = await server.connect();
  await work(await client.greet());
}

/** The outcome of a call with such a body, in its one frame. */
async function outcome(
  client: RawClient,
  stream: number,
  fields: Field[],
  body: ArrayLike<number>,
): Promise<Record<string, string>> {
  await client.send(headers(stream, fields), frame(FrameType.Data, Flag.EndStream, stream, body));
  return (await client.answer()).fields;
}

const framed = (bytes: Uint8Array, flag = 0) => [flag, ...number(bytes.length), ...bytes];
/** The request for a namespace of a long name, which compresses well. */
const request = NamespacesDefinition.methods.get.requestType.encode({ name: "x".repeat(1000) }).finish();

for (const [encoding, compress] of [["gzip", gzipSync], ["deflate", deflateSync]] as const) {
  Deno.test(`messages compressed by ${encoding} are read, if they are that and not too long`, () =>
    withClient([namespaces], async (client) => {
      const fields = callFields(GET, ["grpc-encoding", encoding]);
      await client.send(headers(1, fields), message(1, []).fill(1, 9, 10));
      assert.equal((await client.answer()).fields["grpc-status"], String(Code.Internal), "no bytes are none");
      assert.equal((await outcome(client, 3, fields, framed(compress(request), 1)))["grpc-status"], "0");
      assert.equal((await outcome(client, 5, fields, framed(request)))["grpc-status"], "0", "as it is");
      const other = await outcome(client, 7, fields, framed(request, 1));
      assert.equal(other["grpc-status"], String(Code.Internal));
      const bomb = await outcome(
        client,
        9,
        fields,
        framed(compress(new Uint8Array(17 << 20)), 1).slice(0, 16_000),
      );
      assert.equal(bomb["grpc-status"], String(Code.Internal), "cut");
      const whole = framed(compress(new Uint8Array(17 << 20)), 1);
      await client.send(headers(11, fields));
      for (let at = 0; at < whole.length; at += 16_000) {
        await client.send(frame(FrameType.Data, 0, 11, whole.slice(at, at + 16_000)));
      }
      assert.equal((await client.answer()).fields["grpc-status"], String(Code.ResourceExhausted));
    }));
}

Deno.test("a compressed message in a call that says of no encoding, or of an unknown one, is refused", () =>
  withClient([namespaces], async (client) => {
    const body = framed(gzipSync(request), 1);
    assert.equal((await outcome(client, 1, callFields(GET), body))["grpc-status"], String(Code.Internal));
    const unknown = callFields(GET, ["grpc-encoding", "snappy"]);
    const { "grpc-status": status, "grpc-message": text } = await outcome(client, 3, unknown, body);
    assert.deepEqual([status, text], [String(Code.Unimplemented), "messages in snappy: not implemented"]);
  }));

/** Bodies that are no call's, and the class of error they get. */
const odd: [what: string, code: Code, body: number[]][] = [
  ["no message", Code.Internal, []],
  ["a message that is cut", Code.Internal, [0, 0, 0, 0, 9, 1, 2]],
  ["an unknown flag", Code.Internal, [2, 0, 0, 0, 0]],
  ["a message that claims 4 GiB", Code.ResourceExhausted, [0, 255, 255, 255, 255, 1]],
  ["a message that is no protobuf", Code.Internal, [0, 0, 0, 0, 2, 10, 200]],
];

for (const [what, code, body] of odd) {
  Deno.test(`${what} is answered with an error, and the connection lives on`, () =>
    withClient([namespaces], async (client) => {
      assert.equal((await outcome(client, 1, callFields(GET), body))["grpc-status"], String(code));
      assert.equal((await outcome(client, 3, callFields(GET), framed(request)))["grpc-status"], "0");
    }));
}

Deno.test("what is no call of gRPC is answered as HTTP has it", () =>
  withClient([namespaces], async (client) => {
    await client.send(headers(1, [[":method", "GET"], [":path", "/"]], Flag.EndHeaders | Flag.EndStream));
    assert.deepEqual(await client.nextFields(), { ":status": "405" });
    await client.send(headers(3, [[":method", "POST"], [":path", GET], ["content-type", "text/html"]]));
    assert.deepEqual(await client.nextFields(), { ":status": "415" });
  }));

Deno.test("metadata reaches the handler: the first of a name, without what is binary or HTTP's", () =>
  withClient([namespaces], async (client) => {
    const said: Field[] = [["a", "1"], ["a", "2"], ["b-bin", "AAAA"]];
    await client.send(headers(1, callFields(GET, ...said)), message(1, request));
    const { body } = await client.answer();
    const { namespace } = NamespacesDefinition.methods.get.responseType.decode(
      Uint8Array.from(body.slice(5)),
    );
    assert.deepEqual([namespace?.name, namespace?.labels], [
      "1000",
      { a: "1", "content-type": "application/grpc", te: "trailers" },
    ]);
  }));

Deno.test("an error's words arrive whatever they are made of, and are shortened if they are endless", async () => {
  const texts = ["100% of\nWörter 💥", "\ud800 alone", "x".repeat(100_000)];
  const failing = service(NamespacesDefinition, { get: () => Promise.reject(notFound(texts.shift()!)) });
  await withClient([failing], async (client) => {
    const next = async (stream: number) =>
      (await outcome(client, stream, callFields(GET), framed(request)))["grpc-message"]!;
    const first = await next(1);
    assert.match(first, /^[ -~]+$/);
    assert.equal(decodeURIComponent(first), "100% of\nWörter 💥: not found");
    assert.equal(decodeURIComponent(await next(3)), "\ufffd alone: not found");
    const long = await next(5);
    assert.ok(long.length < 8000 && long.endsWith("x: not found"), long.slice(-100));
  });
});

Deno.test("a deadline ends the handler, in any unit", async () => {
  const waiting = service(NamespacesDefinition, {
    get: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await withClient([waiting], async (client) => {
    let stream = -1;
    for (const timeout of ["20m", "20000u", "9n", "0S"]) {
      const fields = callFields(GET, ["grpc-timeout", timeout]);
      const { "grpc-status": status } = await outcome(client, stream += 2, fields, framed(request));
      assert.equal(status, String(Code.DeadlineExceeded), timeout);
    }
  });
});

Deno.test("a stream that fails in its middle ends with the error; one of no messages is an answer", async () => {
  let count = 0;
  const content = service(ContentDefinition, {
    async *read() {
      if (count++ > 0) return;
      yield { offset: 0n, data: new Uint8Array(0) };
      throw notFound("the rest");
    },
  });
  await withClient([content], async (client) => {
    await client.send(headers(1, callFields(READ)), message(1));
    const { body, fields } = await client.answer();
    assert.deepEqual([body.length, fields["grpc-message"]], [5, "the rest: not found"]);
    await client.send(headers(3, callFields(READ)), message(3));
    assert.deepEqual(await client.answer(), {
      body: [],
      fields: { ":status": "200", "content-type": "application/grpc", "grpc-status": "0" },
    });
  });
});

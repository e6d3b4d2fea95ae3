import assert from "node:assert/strict";
import fc from "fast-check";
import { ContentDefinition } from "../../../../lib/api/services/content/v1/content.ts";
import { VersionDefinition } from "../../../../lib/api/services/version/v1/version.ts";
import { ErrorCode, Flag, frame, FrameType, preface, readUint31 } from "../../../../lib/rpc/http2/frame.ts";
import { encodeHeaders, type Field } from "../../../../lib/rpc/http2/hpack.ts";
import { type Service, service } from "../../../../lib/rpc/service.ts";
import { callFields, headers, message, number, type RawClient, serving } from "./raw_client.ts";

const VERSION = "/containerd.services.version.v1.Version/Version";
const READ = "/containerd.services.content.v1.Content/Read";
const WRITE = "/containerd.services.content.v1.Content/Write";
const Setting = { InitialWindowSize: 4, MaxFrameSize: 5 };

const version = service(VersionDefinition, {
  version: () => Promise.resolve({ version: "v", revision: "" }),
});
/** The answer of `version`: its message, and what frames it. */
const versionBody = [0, 0, 0, 0, 3, 10, 1, 118];

/** Gives so many bytes, in one message. */
const content = service(ContentDefinition, {
  async *read() {
    yield { offset: 0n, data: new Uint8Array(200_000).fill(7) };
  },
});

async function withClient(
  services: Service[],
  work: (client: RawClient, connect: () => Promise<RawClient>) => Promise<void>,
): Promise<void> {
  await using server = await serving(services);
  using client = await server.connect();
  await work(client, server.connect);
}

/** The connection works. */
async function answers(client: RawClient, stream: number): Promise<void> {
  await client.send(headers(stream, callFields(VERSION)), message(stream));
  const { body, fields } = await client.answer();
  assert.deepEqual([body, fields["grpc-status"]], [versionBody, "0"]);
}

/** Why the server ends the connection, and that it does. */
async function goAway(client: RawClient): Promise<number> {
  const { payload } = await client.nextOf(FrameType.GoAway);
  assert.equal(await client.next(), undefined);
  return readUint31(payload, 4);
}

async function resetCode(client: RawClient, stream: number): Promise<number> {
  return readUint31((await client.nextOf(FrameType.RstStream, stream)).payload, 0);
}

Deno.test("a connection begins with settings; theirs and pings are acknowledged; calls are answered", () =>
  withClient([version], async (client) => {
    await client.greet();
    assert.equal((await client.next())?.type, FrameType.Settings);
    assert.ok((await client.nextOf(FrameType.Settings)).flags & Flag.Ack);
    const payload = [1, 2, 3, 4, 5, 6, 7, 8];
    await client.send(frame(FrameType.Ping, 0, 0, payload));
    const pong = await client.nextOf(FrameType.Ping);
    assert.deepEqual([pong.flags, [...pong.payload]], [Flag.Ack, payload]);
    await answers(client, 1);
    await answers(client, 3);
  }));

Deno.test("who doesn't greet as HTTP/2 does is hung up on", () =>
  withClient([version], async (client) => {
    await client.send(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await client.nextOf(FrameType.WindowUpdate);
    assert.equal(await client.next(), undefined);
  }));

Deno.test("padding, priorities and unknown frames are passed over", () =>
  withClient([version], async (client) => {
    await client.greet();
    const block = [2, 0, 0, 0, 0, 9, ...encodeHeaders(callFields(VERSION)), 0, 0];
    await client.send(
      frame(FrameType.Headers, Flag.EndHeaders | Flag.Padded | Flag.Priority, 1, block),
      frame(FrameType.Priority, 0, 5, [0, 0, 0, 0, 1]),
      frame(0xfa, 255, 1, [1, 2, 3]),
      frame(FrameType.Data, Flag.Padded, 1, [3, 0, 0, 0, 0, 0, 0]),
      frame(FrameType.Data, Flag.Padded | Flag.EndStream, 1, [1, 0, 0]),
    );
    assert.deepEqual((await client.answer()).fields["grpc-status"], "13", "two bytes follow the message");
    await answers(client, 3);
  }));

Deno.test("fields may come in many frames, and nothing else between them", () =>
  withClient([version], async (client) => {
    await client.greet();
    const block = encodeHeaders(callFields(VERSION));
    await client.send(
      frame(FrameType.Headers, 0, 1, block.subarray(0, 10)),
      frame(FrameType.Continuation, 0, 1, block.subarray(10, 11)),
      frame(FrameType.Continuation, Flag.EndHeaders, 1, block.subarray(11)),
      message(1),
    );
    assert.deepEqual((await client.answer()).body, versionBody);
    await client.send(
      frame(FrameType.Headers, 0, 3, block),
      frame(FrameType.Ping, 0, 0, number(0).concat(number(0))),
    );
    assert.equal(await goAway(client), ErrorCode.ProtocolError);
  }));

Deno.test("an answer is sent as the client has room for it: of the stream, and of all", () =>
  withClient([content], async (client) => {
    await client.greet([[Setting.InitialWindowSize, 10]]);
    await client.send(headers(1, callFields(READ)), message(1));
    const data = async () => (await client.nextOf(FrameType.Data)).payload.length;
    let first = 0;
    while (first < 10) first += await data();
    assert.equal(first, 10);
    await client.send(frame(FrameType.WindowUpdate, 0, 1, number(1)));
    assert.equal(await data(), 1);
    // Room is taken back, and given again: 11 bytes less than none, then one byte.
    await client.send(frame(FrameType.Settings, 0, 0, [0, Setting.InitialWindowSize, ...number(0)]));
    await client.send(frame(FrameType.WindowUpdate, 0, 1, number(11)));
    assert.equal(await data(), 1);
    await client.send(frame(FrameType.WindowUpdate, 0, 1, number(1 << 20)));
    let received = 12;
    while (received < 65_535) received += await data();
    assert.equal(received, 65_535, "all that the connection has room for");
    await client.send(frame(FrameType.WindowUpdate, 0, 0, number(1 << 20)));
    received += (await client.answer()).body.length;
    assert.equal(received, 200_000 + 9, "data, and what frames it");
  }));

Deno.test("a client that takes longer frames gets them", () =>
  withClient([content], async (client) => {
    await client.greet([[Setting.InitialWindowSize, 1 << 20], [Setting.MaxFrameSize, 60_000]]);
    await client.send(headers(1, callFields(READ)), message(1));
    // The reader of these tests takes frames of the usual length only.
    await assert.rejects(client.answer(), /a frame of 60000 bytes/);
  }));

Deno.test("room comes back for what is read, and a body over its room is refused alone", async () => {
  const go = Promise.withResolvers<void>();
  const slow = service(ContentDefinition, {
    // deno-lint-ignore require-yield
    async *write(requests) {
      await go.promise;
      for await (const _ of requests);
    },
  });
  await withClient([slow, version], async (client) => {
    await client.greet();
    await client.send(headers(1, callFields(WRITE)));
    const piece = message(1, new Uint8Array(16_000), 0);
    for (let sent = 0; sent < 17; sent++) await client.send(piece);
    await answers(client, 3);
    for (let sent = 17; sent < 80; sent++) await client.send(piece);
    assert.equal(await resetCode(client, 1), ErrorCode.FlowControlError, "16 messages wait, and one window");
    await answers(client, 5);
    go.resolve();
    await client.send(headers(7, callFields(WRITE)));
    for (let sent = 0; sent < 40; sent++) await client.send(message(7, new Uint8Array(16_000), 0));
    assert.ok(readUint31((await client.nextOf(FrameType.WindowUpdate, 7)).payload, 0) >= 1 << 19);
  });
});

/** Frames that end a connection, each with the reason. */
const fatal: [what: string, code: number, ...frames: Uint8Array[]][] = [
  ["a frame over 16 KiB", ErrorCode.FrameSizeError, frame(FrameType.Data, 0, 1, new Uint8Array(16_385))],
  ["data of a stream that has not begun", ErrorCode.ProtocolError, message(1)],
  ["data of no stream", ErrorCode.ProtocolError, message(0)],
  [
    "the end of a stream that has not begun",
    ErrorCode.ProtocolError,
    frame(FrameType.RstStream, 0, 9, number(8)),
  ],
  ["an even stream", ErrorCode.ProtocolError, headers(2, callFields(VERSION))],
  ["fields of no stream", ErrorCode.ProtocolError, headers(0, callFields(VERSION))],
  ["fields that are none", ErrorCode.CompressionError, frame(FrameType.Headers, Flag.EndHeaders, 1, [0x80])],
  ["a continuation of nothing", ErrorCode.ProtocolError, frame(FrameType.Continuation, 4, 1, [0x82])],
  [
    "more padding than data",
    ErrorCode.ProtocolError,
    headers(1, callFields(VERSION)),
    frame(0, 8, 1, [5, 0]),
  ],
  ["settings of odd length", ErrorCode.FrameSizeError, frame(FrameType.Settings, 0, 0, [1])],
  ["settings of a stream", ErrorCode.ProtocolError, frame(FrameType.Settings, 0, 1)],
  [
    "a window too large",
    ErrorCode.FlowControlError,
    frame(FrameType.Settings, 0, 0, [0, 4, ...number(2 ** 31)]),
  ],
  ["frames too short", ErrorCode.ProtocolError, frame(FrameType.Settings, 0, 0, [0, 5, ...number(100)])],
  ["a ping of odd length", ErrorCode.FrameSizeError, frame(FrameType.Ping, 0, 0, [1])],
  ["a promise", ErrorCode.ProtocolError, frame(FrameType.PushPromise, 4, 1, number(2))],
  ["no more room", ErrorCode.ProtocolError, frame(FrameType.WindowUpdate, 0, 0, number(0))],
  [
    "more room than can be",
    ErrorCode.FlowControlError,
    frame(FrameType.WindowUpdate, 0, 0, number(2 ** 31 - 1)),
  ],
];

for (const [what, code, ...frames] of fatal) {
  Deno.test(`${what}: the connection ends and the reason is told; others live on`, () =>
    withClient([version], async (client, connect) => {
      await client.greet();
      await client.send(...frames).catch(() => {});
      assert.equal(await goAway(client), code);
      using other = await connect();
      await answers(await other.greet(), 1);
    }));
}

Deno.test("fields without end are not collected", () =>
  withClient([version], async (client) => {
    await client.greet();
    await client.send(frame(FrameType.Headers, 0, 1));
    const empty = frame(FrameType.Continuation, 0, 1);
    const flood = new Uint8Array(Array.from({ length: 70_000 }, () => [...empty]).flat());
    await client.send(flood).catch(() => {});
    assert.equal(await goAway(client), ErrorCode.EnhanceYourCalm);
  }));

/** Frames that end a stream alone, each with the reason. */
const alone: [what: string, code: number, ...frames: Uint8Array[]][] = [
  [
    "too many fields",
    ErrorCode.EnhanceYourCalm,
    ...inParts(encodeHeaders(Array(2000).fill(["a", "b"] as Field))),
  ],
  ["no more room", ErrorCode.ProtocolError, headers(1, callFields(WRITE)), frame(8, 0, 1, number(0))],
  [
    "too much room",
    ErrorCode.FlowControlError,
    headers(1, callFields(WRITE)),
    frame(8, 0, 1, number(2 ** 31 - 1)),
  ],
  ["data after the end", ErrorCode.StreamClosed, headers(1, callFields(WRITE), 5), message(1)],
  ["fields in the middle", ErrorCode.ProtocolError, headers(1, callFields(WRITE)), headers(1, [["a", "b"]])],
];

function inParts(block: Uint8Array): Uint8Array[] {
  return [
    frame(FrameType.Headers, 0, 1, block.subarray(0, 9000)),
    frame(FrameType.Continuation, Flag.EndHeaders, 1, block.subarray(9000)),
  ];
}

for (const [what, code, ...frames] of alone) {
  Deno.test(`${what}: that stream ends, and its connection lives on`, async () => {
    const waiting = service(ContentDefinition, {
      // deno-lint-ignore require-yield
      async *write(_, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    await withClient([version, waiting], async (client) => {
      await client.greet();
      await client.send(...frames);
      assert.equal(await resetCode(client, 1), code);
      await answers(client, 3);
    });
  });
}

Deno.test("who is answered before the end of the request is not reset, and may send on", () => {
  const early = service(ContentDefinition, {
    // deno-lint-ignore require-yield
    async *write() {
      throw new Error("enough");
    },
  });
  return withClient([version, early], async (client) => {
    await client.greet();
    await client.send(headers(1, callFields(WRITE)));
    assert.match((await client.nextFields())["grpc-message"]!, /enough/);
    await client.send(frame(FrameType.Data, 0, 1, new Uint8Array(1000)));
    await client.send(frame(FrameType.Ping, 0, 0, new Uint8Array(8)));
    for (let frame; (frame = await client.next());) {
      if (frame.type === FrameType.Ping) break;
      assert.notEqual(frame.type, FrameType.RstStream);
    }
    await answers(client, 3);
  });
});

Deno.test("who begins and cancels without end gets no new calls while the old ones are being ended", async () => {
  const go = Promise.withResolvers<void>();
  let running = 0;
  const stubborn = service(VersionDefinition, {
    version: async () => {
      running++;
      await go.promise;
      return { version: "v", revision: "" };
    },
  });
  await withClient([stubborn], async (client) => {
    await client.greet();
    for (let n = 0; n < 1500; n++) {
      const stream = 2 * n + 1;
      const cancel = frame(FrameType.RstStream, 0, stream, number(ErrorCode.Cancel));
      await client.send(headers(stream, callFields(VERSION)), message(stream), cancel);
    }
    await client.send(headers(5001, callFields(VERSION)), message(5001));
    assert.equal(await resetCode(client, 5001), ErrorCode.EnhanceYourCalm);
    assert.ok(running <= 1001, `${running} handlers`);
    go.resolve();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await answers(client, 5003);
  });
});

Deno.test("who does not read is not listened to, and costs no memory in proportion to what it asks", async () => {
  let produced = 0;
  const generous = service(ContentDefinition, {
    async *read() {
      for (;; produced++) yield { offset: 0n, data: new Uint8Array(1 << 20) };
    },
  });
  await withClient([generous, version], async (client, connect) => {
    await client.greet([[Setting.InitialWindowSize, 2 ** 31 - 1]]);
    await client.send(frame(FrameType.WindowUpdate, 0, 0, number(2 ** 31 - 1 - 65_535)));
    await client.send(headers(1, callFields(READ)), message(1));
    const pings = new Uint8Array(
      Array.from({ length: 1000 }, () => [...frame(FrameType.Ping, 0, 0, new Uint8Array(8))]).flat(),
    );
    let flooded = 0;
    const flood = (async () => {
      for (; flooded < 10_000; flooded++) await client.send(pings);
    })().catch(() => {});
    using other = await connect();
    await other.greet();
    for (let n = 0; n < 20; n++) {
      await answers(other, 2 * n + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(produced <= 4, `${produced} MiB were produced`);
    assert.ok(flooded < 2000, `${flooded} thousand pings were read`);
    client[Symbol.dispose]();
    await flood;
  });
});

Deno.test("random bytes neither hang the server nor hurt other clients", async () => {
  await using server = await serving([version, content]);
  using steady = await (await server.connect()).greet();
  let stream = 1;
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat(10), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 40 })).map((
      [type, flags, of, payload],
    ) => frame(type, flags, of, payload)),
    fc.nat(5).map((n) => headers(2 * n + 1, callFields(VERSION))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
      using client = await server.connect();
      await client.send(preface, ...pieces).catch(() => {});
      await answers(steady, stream);
      stream += 2;
    }),
    { numRuns: 300 },
  );
});

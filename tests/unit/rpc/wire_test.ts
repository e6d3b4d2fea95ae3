import assert from "node:assert/strict";
import fc from "fast-check";
import { VersionDefinition, VersionResponse } from "../../../lib/api/services/version/v1/version.ts";
import { Request, Response } from "../../../lib/api/ttrpc/request.ts";
import { Code, CtrError, isError } from "../../../lib/errors.ts";
import { service } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { FrameType, FrameWriter, readFrames } from "../../../lib/rpc/ttrpc/frame.ts";
import { startTtrpc } from "./transports.ts";

const version = service(VersionDefinition, {
  version: (_, context) => Promise.resolve({ version: context.namespace, revision: "" }),
});

const request = (fields: Partial<Request>) =>
  Request.encode({
    service: VersionDefinition.fullName,
    method: "Version",
    payload: new Uint8Array(),
    timeoutNano: 0n,
    metadata: [],
    ...fields,
  }).finish();

/** A server that says `bytes` to whoever connects, then hangs up. */
async function saying(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "longshore-rpc-" });
  const listener = Deno.listen({ transport: "unix", path: `${dir}/sock` });
  const serving = (async () => {
    for await (const conn of listener) {
      await conn.write(bytes).catch(() => {});
      await conn.closeWrite().catch(() => {});
      conn.close();
    }
  })();
  try {
    await body(`${dir}/sock`);
  } finally {
    listener.close();
    await serving;
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("stream ids of clients are odd and rise; others get InvalidArgument, and the connection lives on", async () => {
  await using t = await startTtrpc([version]);
  using conn = await Deno.connect({ transport: "unix", path: t.path });
  const writer = new FrameWriter(conn);
  const metadata = [{ key: "Containerd-Namespace-Ttrpc", value: "n" }];
  for (const id of [2, 5, 5, 3, 7]) await writer.send(id, FrameType.Request, 0, request({ metadata }));
  const answers: string[] = [];
  for await (const frame of readFrames(conn)) {
    const { status, payload } = Response.decode(frame.payload);
    const said = status?.code ? `code ${status.code}` : VersionResponse.decode(payload).version;
    answers.push(`${frame.stream}: ${said}`);
    if (answers.length === 5) break;
  }
  assert.deepEqual(answers.sort(), ["2: code 3", "3: code 3", "5: code 3", "5: n", "7: n"]);
});

Deno.test("an unknown service and an unknown method are named as Go's servers name them", async () => {
  await using t = await startTtrpc([version]);
  const named = (fullName: string, name: string) => {
    const methods = { version: { ...VersionDefinition.methods.version, name } };
    return t.channel.stub({ ...VersionDefinition, fullName, methods }).version({});
  };
  const message = (what: string) => ({ code: Code.Unimplemented, message: `${what}: not implemented` });
  await assert.rejects(named("x.Y", "Z"), message("service x.Y"));
  await assert.rejects(named(VersionDefinition.fullName, "Z"), message("method Z"));
});

Deno.test("a timeout in a request ends the handler at the server", async () => {
  const waiting = service(VersionDefinition, {
    version: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await using t = await startTtrpc([waiting]);
  using conn = await Deno.connect({ transport: "unix", path: t.path });
  await new FrameWriter(conn).send(1, FrameType.Request, 0, request({ timeoutNano: 20_000_000n }));
  for await (const frame of readFrames(conn)) {
    assert.equal(Response.decode(frame.payload).status?.code, Code.DeadlineExceeded);
    break;
  }
});

Deno.test("a client of a server that says nonsense fails at once, and with an error of ours", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await saying(bytes, async (path) => {
        await using channel = await connectTtrpc(path);
        await assert.rejects(
          channel.stub(VersionDefinition).version({}),
          (error) => error instanceof CtrError,
        );
      });
    }),
    { numRuns: 100, seed: 2 },
  );
});

Deno.test("a frame that claims 4 MiB and brings 100 bytes costs no more than its bytes", async () => {
  const frame = new Uint8Array(110);
  new DataView(frame.buffer).setUint32(0, 4 << 20);
  frame[8] = FrameType.Request;
  await using t = await startTtrpc([version]);
  const conns: Deno.Conn[] = [];
  const before = Deno.memoryUsage();
  try {
    for (let n = 0; n < 100; n++) {
      const conn = await Deno.connect({ transport: "unix", path: t.path });
      conns.push(conn);
      await conn.write(frame);
    }
    await t.channel.stub(VersionDefinition).version({});
    const grown = Deno.memoryUsage().external - before.external;
    assert.ok(grown < 100 << 20, `${grown} bytes for 100 frames that claim 400 MiB`);
  } finally {
    for (const conn of conns) conn.close();
  }
});

Deno.test("a connection that is lost takes its calls with it, as Unavailable", async () => {
  const hanging = service(VersionDefinition, {
    version: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await using t = await startTtrpc([hanging]);
  const stub = t.channel.stub(VersionDefinition);
  const lost = [stub.version({}), stub.version({})]
    .map((call) => assert.rejects(call, (error) => isError(error, Code.Unavailable)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await t.shutdown();
  await Promise.all(lost);
  await assert.rejects(stub.version({}), (error) => isError(error, Code.Unavailable));
});

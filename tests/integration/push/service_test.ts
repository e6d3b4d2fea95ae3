/** A push as upstream's clients of 2.x ask for it: Transfer from an ImageStore to an OCIRegistry, with streams. */
import assert from "node:assert/strict";
import { StreamingDefinition, StreamInit } from "../../../lib/api/services/streaming/v1/streaming.ts";
import { TransferDefinition } from "../../../lib/api/services/transfer/v1/transfer.ts";
import { ImageStore } from "../../../lib/api/types/transfer/imagestore.ts";
import { Progress } from "../../../lib/api/types/transfer/progress.ts";
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  OCIRegistry,
} from "../../../lib/api/types/transfer/registry.ts";
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import { Code, codeOf } from "../../../lib/errors.ts";
import { anyOf, nameOf } from "../../../lib/rpc/any.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { Queue } from "../../../lib/rpc/queue.ts";
import { type Channel, complete } from "../../../lib/rpc/service.ts";
import { busyboxImage, push, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { pushIndex, stored } from "./real.ts";

const PREFIX = "containerd.types.transfer";
const user = { name: "alice", password: "s3cret" };
const namespace = "default";
const arm64 = { os: "linux", architecture: "arm64", variant: "", osVersion: "", osFeatures: [] };

const storeAny = (part: Partial<ImageStore>) =>
  anyOf(`${PREFIX}.ImageStore`, ImageStore, complete(ImageStore, part));

const registryAny = (reference: string, authStream = "") =>
  anyOf(
    `${PREFIX}.OCIRegistry`,
    OCIRegistry,
    complete(OCIRegistry, {
      reference,
      resolver: { authStream, headers: {}, hostDir: "", defaultScheme: "http", httpDebug: 0, logsStream: "" },
    }),
  );

/** A stream under a name; `hear` gets what the daemon sends. */
async function openStream(
  channel: Channel,
  id: string,
  hear: (message: Any, send: (message: Any) => void) => void,
) {
  const outgoing = new Queue<Any>();
  outgoing.push(anyOf("containerd.services.streaming.v1.StreamInit", StreamInit, { id }));
  const incoming = channel.stub(StreamingDefinition, { namespace }).stream(outgoing)[Symbol.asyncIterator]();
  await incoming.next();
  const heard = (async () => {
    for (let next = await incoming.next(); !next.done; next = await incoming.next()) {
      hear(next.value, (message) => outgoing.push(message));
    }
  })();
  // A stream that the daemon doesn't end breaks with its connection.
  heard.catch(() => {});
  return { heard, close: () => outgoing.close() };
}

Deno.test("upstream's way to push, over gRPC: progress and credentials come over streams", async () => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using closed = await startRegistry({ where: "shm", user });
  await using daemon = await startLongshore({ where: "shm" });
  const image = await push(await busyboxImage(scratch), source, "box:1");
  assert.equal((await daemon.ctr(["images", "pull", image])).code, 0);
  const channel = await connectGrpc(daemon.address);
  const seen: Progress[] = [];
  const progress = await openStream(channel, "progress-1", (message) => {
    assert.equal(nameOf(message.typeUrl), `${PREFIX}.Progress`);
    seen.push(Progress.decode(message.value));
  });
  const questions: AuthRequest[] = [];
  const auth = await openStream(channel, "auth-1", (message, send) => {
    questions.push(AuthRequest.decode(message.value));
    const answer = { authType: AuthType.CREDENTIALS, username: user.name, secret: user.password };
    send(anyOf(`${PREFIX}.AuthResponse`, AuthResponse, complete(AuthResponse, answer)));
  });
  const to = `${closed.host}/up/stream:2`;
  await channel.stub(TransferDefinition, { namespace }).transfer({
    source: storeAny({ name: image }),
    destination: registryAny(to, "auth-1"),
    options: { progressStream: "progress-1" },
  });
  await progress.heard;
  auth.close();
  assert.equal((await stored(to, `${user.name}:${user.password}`)).text, (await stored(image)).text);
  assert.deepEqual(questions.map(({ host, reference }) => ({ host, reference })), [{
    host: closed.host,
    reference: to,
  }]);
  assert.match(questions[0]!.wwwauthenticate[0]!, /^Basic /);
  const told = [0, 1, -2, -1].map((at) => seen.at(at)?.event);
  const name = `OCI Registry (${to})`;
  assert.deepEqual(told, [
    `Pushing to ${name}`,
    "pushing content",
    "pushed content",
    `Completed push to ${name}`,
  ]);
  const layer = seen.filter(({ name, event }) => name.startsWith("layer-") && event === "complete");
  assert.equal(layer.length, 1);
  assert.equal(layer[0]!.progress, layer[0]!.total);
  assert.equal(layer[0]!.desc!.digest, layer[0]!.name.replace("layer-", ""));
  assert.ok(!JSON.stringify(seen.map(({ event, name }) => [event, name])).includes(user.password));
  await channel[Symbol.asyncDispose]();
});

Deno.test("upstream's way to push one platform, and what can't be", async () => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using open = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const image = await pushIndex(scratch, source);
  assert.equal(
    (await daemon.ctr(["images", "pull", "--no-unpack", "--platform", "linux/arm64", image])).code,
    0,
  );
  const channel = await connectGrpc(daemon.address);
  const { transfer } = channel.stub(TransferDefinition, { namespace });
  const to = `${open.host}/arm:1`;
  await transfer({ source: storeAny({ name: image, platforms: [arm64] }), destination: registryAny(to) });
  assert.equal((await stored(to)).digest, (await stored(image)).json.manifests[1].digest);
  const codeOfPush = (part: Partial<ImageStore>, reference = to) =>
    transfer({ source: storeAny(part), destination: registryAny(reference) }).then(() => undefined, codeOf);
  const amd64 = { ...arm64, architecture: "amd64" };
  assert.equal(await codeOfPush({ name: image, platforms: [amd64] }), Code.NotFound);
  assert.equal(await codeOfPush({ name: "nosuch:1" }), Code.NotFound);
  assert.equal(await codeOfPush({ name: image }, "no reference"), Code.InvalidArgument);
  await channel[Symbol.asyncDispose]();
});

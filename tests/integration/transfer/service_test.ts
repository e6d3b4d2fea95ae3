/** The Transfer and Streaming services as clients use them, over both wires, against a real registry. */
import assert from "node:assert/strict";
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import { StreamingDefinition } from "../../../lib/api/services/streaming/v1/streaming.ts";
import { TransferDefinition } from "../../../lib/api/services/transfer/v1/transfer.ts";
import { ImageStore } from "../../../lib/api/types/transfer/imagestore.ts";
import type { Progress } from "../../../lib/api/types/transfer/progress.ts";
import { OCIRegistry } from "../../../lib/api/types/transfer/registry.ts";
import { type Pull, transferPull } from "../../../lib/client/transfer.ts";
import type { Services } from "../../../lib/client/services.ts";
import { Code, codeOf } from "../../../lib/errors.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { serveGrpc } from "../../../lib/rpc/grpc/server.ts";
import { type Channel, complete } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { serveTtrpc } from "../../../lib/rpc/ttrpc/server.ts";
import { streamingService, Streams } from "../../../lib/services/streaming.ts";
import { transferService } from "../../../lib/services/transfer.ts";
import { busyboxImage, push, type Registry, Scratch, startRegistry } from "../../harness/mod.ts";
import { openRooms, remains, type Rooms, scope } from "./fixture.ts";
import { digestOf } from "./hostile.ts";

const PREFIX = "containerd.types.transfer";
const user = { name: "alice", password: "s3cret" };
const amd64 = { os: "linux", architecture: "amd64", variant: "", osVersion: "", osFeatures: [] };
const arm64 = { ...amd64, architecture: "arm64" };

/** The services on a socket, and a channel to them. */
async function serving(rooms: Rooms, wire: "ttrpc" | "grpc") {
  const path = rooms.scratch.join(`${wire}.sock`);
  const streams = new Streams();
  const services = [transferService(rooms.transfer, streams), streamingService(streams)];
  const serve = wire === "grpc" ? serveGrpc : serveTtrpc;
  const server = serve(Deno.listen({ transport: "unix", path }), services);
  const channel = wire === "grpc" ? await connectGrpc(path) : await connectTtrpc(path);
  return {
    channel,
    async [Symbol.asyncDispose]() {
      await channel[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const inNamespace = (channel: Channel, namespace: string): Services => ({
  stub: (definition, more) => channel.stub(definition, { namespace, ...more }),
});

const pullOf = (reference: string, more: Partial<Pull> = {}): Pull => ({
  reference,
  platforms: [amd64],
  everyPlatform: false,
  allMetadata: false,
  labels: { mine: "yes" },
  snapshotter: "overlayfs",
  plainHttp: true,
  hostsDir: "",
  credentials: undefined,
  ...more,
});

const store = (part: Partial<ImageStore>) =>
  anyOf(`${PREFIX}.ImageStore`, ImageStore, complete(ImageStore, part));
const registryOf = (reference: string) =>
  anyOf(`${PREFIX}.OCIRegistry`, OCIRegistry, complete(OCIRegistry, { reference }));

const codeFrom = (promise: Promise<unknown>) => promise.then(() => undefined, codeOf);

for (const wire of ["ttrpc", "grpc"] as const) {
  Deno.test(`a pull over ${wire} tells its progress and asks for credentials over its streams`, async () => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ user });
    const creds = ["--dest-creds", `${user.name}:${user.password}`];
    const reference = await push(await busyboxImage(scratch), registry, "box:1", creds);
    await using rooms = await openRooms();
    await using served = await serving(rooms, wire);
    const daemon = inNamespace(served.channel, "default");
    const seen: Progress[] = [];
    const see = (progress: Progress) => void seen.push(progress);
    for (const credentials of [undefined, { user: "alice", password: "wrong" }]) {
      const refused = transferPull(daemon, pullOf(reference, { credentials }), see);
      assert.equal(await codeFrom(refused), Code.Unauthenticated);
      assert.deepEqual(remains(rooms).images, []);
    }
    seen.length = 0;
    const credentials = { user: user.name, password: user.password };
    await transferPull(daemon, pullOf(reference, { credentials }), see);
    const image = rooms.images.get(scope, reference);
    assert.equal(image.labels["mine"], "yes");
    assert.equal(remains(rooms).snapshots.length, 1);
    const done = seen.filter(({ event }) => event === "complete" || event === "extracted");
    assert.ok(done.some(({ name }) => name.startsWith("layer-")), JSON.stringify(seen.map((p) => p.event)));
    assert.ok(!JSON.stringify(seen.map(({ name, event }) => [name, event])).includes(user.password));
  });

  Deno.test(`over ${wire} an image gets another name, and pairs that aren't there are Unimplemented`, async () => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry();
    const reference = await push(await busyboxImage(scratch), registry, "box:1");
    await using rooms = await openRooms();
    await using served = await serving(rooms, wire);
    await transferPull(inNamespace(served.channel, "default"), pullOf(reference), () => {});
    const { transfer } = served.channel.stub(TransferDefinition, { namespace: "default" });
    const move = (source: Any, destination: Any) => transfer({ source, destination });
    await move(store({ name: reference }), store({ name: "other:2" }));
    assert.equal(
      rooms.images.get(scope, "other:2").target!.digest,
      rooms.images.get(scope, reference).target!.digest,
    );
    assert.equal(await codeFrom(move(store({ name: "none" }), store({ name: "x" }))), Code.NotFound);
    const nowhere = move(registryOf(reference), registryOf("localhost:1/x:1"));
    assert.equal(await codeFrom(nowhere), Code.Unimplemented);
    assert.equal(await codeFrom(transfer({ source: store({}) })), Code.InvalidArgument);
    const options = { progressStream: "nobody-opened-it" };
    const lost = transfer({ source: registryOf(reference), destination: store({ name: "x" }), options });
    assert.equal(await codeFrom(lost), Code.NotFound);
    const { stream } = served.channel.stub(StreamingDefinition, { namespace: "default" });
    const wrong = stream((async function* () {
      yield store({});
    })())[Symbol.asyncIterator]().next();
    assert.equal(await codeFrom(wrong), Code.InvalidArgument);
  });
}

/** Puts bytes into a registry as a blob of `box`. */
async function putBlob({ host }: Registry, bytes: Uint8Array<ArrayBuffer>) {
  const begun = await fetch(`http://${host}/v2/box/blobs/uploads/`, { method: "POST" });
  await begun.body?.cancel();
  const at = new URL(begun.headers.get("location")!, `http://${host}`);
  at.searchParams.set("digest", digestOf(bytes));
  const put = await fetch(at, { method: "PUT", body: bytes });
  await put.body?.cancel();
  assert.equal(put.status, 201);
}

async function putManifest({ host }: Registry, name: string, document: { mediaType: string }) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const headers = { "content-type": document.mediaType };
  const put = await fetch(`http://${host}/v2/box/manifests/${name}`, { method: "PUT", body: bytes, headers });
  assert.equal(put.status, 201, await put.text());
  return { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** `box:all`: busybox for two platforms, that differ in their configs. */
async function pushIndex(scratch: Scratch, registry: Registry): Promise<string> {
  await push(await busyboxImage(scratch), registry, "box:1");
  const base = `http://${registry.host}/v2/box`;
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await (await fetch(`${base}/manifests/1`, { headers: { accept } })).json();
  const config = await (await fetch(`${base}/blobs/${manifest.config.digest}`)).json();
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...config, architecture }));
    await putBlob(registry, bytes);
    const own = { ...manifest.config, digest: digestOf(bytes), size: bytes.length };
    const pushed = await putManifest(registry, architecture, { ...manifest, mediaType: accept, config: own });
    manifests.push({ ...pushed, platform: { os: "linux", architecture } });
  }
  const mediaType = "application/vnd.oci.image.index.v1+json";
  await putManifest(registry, "all", { schemaVersion: 2, mediaType, manifests } as { mediaType: string });
  return `${registry.host}/box:all`;
}

Deno.test("of an index the wanted platforms come; another namespace gets the layer without a download", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry();
  const reference = await pushIndex(scratch, registry);
  await using rooms = await openRooms();
  await using served = await serving(rooms, "ttrpc");
  const countIn = (namespace: string) => rooms.content.list({ namespace }).length;
  const pull = (namespace: string, more: Partial<Pull>) =>
    transferPull(inNamespace(served.channel, namespace), pullOf(reference, more), () => {});
  await pull("one", { platforms: [arm64] });
  // The index; a manifest, a config and a layer.
  assert.equal(countIn("one"), 4);
  await pull("all", { platforms: [], everyPlatform: true });
  assert.equal(countIn("all"), 6);
  const { transfer } = served.channel.stub(TransferDefinition, { namespace: "unpacks" });
  const unpacks = [amd64, arm64].map((platform) => ({ platform, snapshotter: "overlayfs" }));
  await transfer({ source: registryOf(reference), destination: store({ name: reference, unpacks }) });
  assert.equal(countIn("unpacks"), 6);
  // Documents are small and are asked for again; the one layer that both platforms have came once.
  const { digest } = rooms.content.list({ namespace: "all" })
    .reduce((largest, info) => info.size > largest.size ? info : largest);
  const layer = registry.requests().filter((line) => line.startsWith("GET ") && line.endsWith(digest));
  assert.equal(layer.length, 1);
  const missing = pull("none", { platforms: [{ ...amd64, architecture: "s390x" }] });
  assert.equal(await codeFrom(missing), Code.NotFound);
  assert.equal(rooms.images.list({ namespace: "none" }).length, 0);
});

/**
 * Archives over the Transfer and Streaming services as Go's containerd 2.x drives them: its windows are 64 KiB and
 * its messages 32 KiB, over gRPC. And clients that vanish, or come at the same time.
 */
import assert from "node:assert/strict";
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import { StreamingDefinition, StreamInit } from "../../../lib/api/services/streaming/v1/streaming.ts";
import { TransferDefinition } from "../../../lib/api/services/transfer/v1/transfer.ts";
import { type ImageReference, ImageStore } from "../../../lib/api/types/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../../../lib/api/types/transfer/importexport.ts";
import { Data, WindowUpdate } from "../../../lib/api/types/transfer/streaming.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { Queue } from "../../../lib/rpc/queue.ts";
import { type Channel, complete } from "../../../lib/rpc/service.ts";
import { concat, makeTar } from "../../harness/tar.ts";
import { Scratch, startLongshore } from "../../harness/mod.ts";
import { Client } from "../../../mod.ts";
import { layoutFiles, madeImage } from "./made.ts";
import { boxArchives, listed, store, succeeds } from "./support.ts";

const T = "containerd.types.transfer";
const namespace = "default";
const WINDOW = 64 << 10;
const PIECE = 32 << 10;

/** A stream as Go's client opens it: the daemon's empty answer says that it is there. */
async function open(channel: Channel, id: string) {
  const outgoing = new Queue<Any>();
  outgoing.push(anyOf("containerd.services.streaming.v1.StreamInit", StreamInit, { id }));
  const incoming = channel.stub(StreamingDefinition, { namespace }).stream(outgoing)[Symbol.asyncIterator]();
  await incoming.next();
  return { incoming, send: (message: Any) => void outgoing.push(message), close: () => outgoing.close() };
}

type Stream = Awaited<ReturnType<typeof open>>;

/** Sends as Go does: nothing before the first window, no message longer than the window or 32 KiB. */
async function sendAsGo({ incoming, send, close }: Stream, bytes: Uint8Array): Promise<number> {
  let windows = 0;
  for (let at = 0, room = 0; at < bytes.length;) {
    if (room === 0) {
      const { value, done } = await incoming.next();
      if (done) break;
      room += WindowUpdate.decode(value.value).update;
      windows++;
    }
    const data = bytes.subarray(at, at + Math.min(PIECE, room));
    send(anyOf(`${T}.Data`, Data, { data }));
    at += data.length;
    room -= data.length;
  }
  close();
  return windows;
}

async function receiveAsGo({ incoming, send }: Stream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let window = 0;;) {
    if (window < WINDOW) {
      send(anyOf(`${T}.WindowUpdate`, WindowUpdate, { update: WINDOW }));
      window += WINDOW;
    }
    const { value, done } = await incoming.next();
    if (done) return concat(parts);
    const { data } = Data.decode(value.value);
    assert.ok(data.length <= window, "no more than the window");
    parts.push(data);
    window -= data.length;
  }
}

const prefix: ImageReference = {
  name: "go/box",
  isPrefix: true,
  allowOverwrite: true,
  addDigest: false,
  skipNamedDigest: false,
};
const storeAny = (part: Partial<ImageStore>) =>
  anyOf(`${T}.ImageStore`, ImageStore, complete(ImageStore, part));

Deno.test("an archive goes in and out over gRPC by Go's small windows", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci, digest } = await boxArchives(scratch);
  await using channel = await connectGrpc(daemon.address);
  const { transfer } = channel.stub(TransferDefinition, { namespace });
  const import_ = await open(channel, "in");
  const sending = sendAsGo(import_, await Deno.readFile(oci));
  const unpacks = [{
    platform: { os: "linux", architecture: "amd64", variant: "", osVersion: "", osFeatures: [] },
    snapshotter: "",
  }];
  await transfer({
    source: anyOf(`${T}.ImageImportStream`, ImageImportStream, complete(ImageImportStream, { stream: "in" })),
    destination: storeAny({ extraReferences: [prefix], unpacks }),
  });
  await sending;
  assert.ok((await succeeds(daemon.ctr(["images", "ls"]))).includes(digest));
  assert.equal(await succeeds(daemon.ctr(["run", "--rm", "go/box:1", "go", "echo", "hi"])), "hi\n");

  const export_ = await open(channel, "out");
  const receiving = receiveAsGo(export_);
  await transfer({
    source: storeAny({ extraReferences: [{ ...prefix, name: "go/box:1", isPrefix: false }] }),
    destination: anyOf(
      `${T}.ImageExportStream`,
      ImageExportStream,
      complete(ImageExportStream, { stream: "out", skipCompatibilityManifest: true }),
    ),
  });
  await Deno.writeFile(scratch.join("go.tar"), await receiving);
  await succeeds(
    daemon.ctr(["images", "export", "--skip-manifest-json", scratch.join("our.tar"), "go/box:1"]),
  );
  assert.deepEqual(await Deno.readFile(scratch.join("go.tar")), await Deno.readFile(scratch.join("our.tar")));
});

Deno.test("the same archive several times at once is one image", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci } = await boxArchives(scratch);
  await Promise.all(
    [1, 2, 3, 4].map((n) =>
      succeeds(daemon.ctr(["images", "import", "--base-name", `at/once${n % 2}`, oci]))
    ),
  );
  assert.deepEqual(await listed(daemon, "images", "ls"), ["at/once0:1", "at/once1:1"]);
  assert.equal((await listed(daemon, "content", "ls")).length, 3);
});

Deno.test("a client that vanishes in the middle of its archive leaves nothing", async () => {
  await using daemon = await startLongshore({ where: "shm" });
  await using client = await Client.connect(daemon.address);
  const archive = makeTar([...layoutFiles(madeImage()), { name: "last", body: new Uint8Array(1 << 20) }]);
  const abort = new AbortController();
  async function* endless() {
    yield archive.subarray(0, archive.length - 5000);
    abort.abort(new Error("gone"));
    await new Promise(() => {});
  }
  await assert.rejects(client.import(endless(), { signal: abort.signal }), /gone/);
  // The daemon learns of it a little later than we do.
  const isClean = async () => {
    const { content, images } = await store(daemon);
    const writes = await succeeds(daemon.ctr(["content", "active"]));
    const leases = await succeeds(daemon.ctr(["leases", "ls", "-q"]));
    return content.length + images.length === 0 && !writes.includes("import-") && leases === "";
  };
  for (let n = 0; n < 100 && !await isClean(); n++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(await isClean());
  const [image] = await client.import(
    (async function* () {
      yield archive;
    })(),
    { baseName: "again" },
  );
  assert.equal(image!.name, "again:1");
});

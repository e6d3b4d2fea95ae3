/**
 * Importing for a daemon without a Transfer service (containerd before 1.7): we read the archive, and send its
 * files to the daemon's content store. A lease holds them until their images have names.
 */
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError, unimplemented } from "../errors.ts";
import { type Choice, choose, imagesOf, inflated, nameImages, readArchive } from "../image_archive/mod.ts";
import {
  childLabels,
  type Descriptor,
  MediaType,
  normalizePlatform,
  parseDocument,
  refOf,
} from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ArchiveSink } from "./archive_sink.ts";
import { ContentClient } from "./content.ts";
import { createLease, type Lease } from "./lease.ts";
import { nameImage } from "./name_image.ts";
import type { Services } from "./services.ts";
import type { PlatformName } from "./transfer.ts";
import type { Import } from "./transfer_import.ts";
import { unpackByClient } from "./unpack_by_client.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LARGEST = 8 << 20;
const HEAD = 16;

/** An import under way. */
interface Importing {
  readonly services: Services;
  readonly content: ContentClient;
  readonly lease: Lease;
  /** Goes along with every call; names the lease. */
  readonly call: CallOptions;
  readonly wish: Import;
  readonly onProgress: (update: Progress) => void;
}

/** Imports; errors as those of the daemon's own import. */
export async function importByClient(
  services: Services,
  source: AsyncIterable<Uint8Array>,
  wish: Import,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (wish.compressLayers || wish.discardUnpackedLayers) {
    throw unimplemented("import: a daemon without a Transfer service neither compresses nor discards layers");
  }
  await using lease = await createLease(services, { signal });
  const call = { lease: lease.id, signal };
  const content = new ContentClient(services);
  const importing: Importing = { services, content, lease, call, wish, onProgress };
  const sink = new ArchiveSink(content, call);
  const archive = inflated(source as AsyncIterable<Bytes>, signal);
  const contents = await readArchive(archive, (path, size) => sink.open(path, size), signal);
  const store = { ...storeOf(content, call), store: (bytes: Bytes) => sink.store(bytes) };
  const { index, images } = await imagesOf(contents, store);
  const choice = await choose(store, images, choiceOf(wish));
  const indexNames = wish.indexName ? [wish.indexName] : [];
  const rule = { prefix: wish.baseName, anyName: wish.anyName, digests: wish.digests };
  const named = nameImages(choice.images, { names: [rule], indexNames });
  await keep(importing, choice);
  await unpack(importing, choice);
  if (wish.indexName) {
    named.unshift({ name: wish.indexName, target: await storeIndex(importing, sink, index) });
  }
  for (const { name, target } of named) await save(importing, name, target);
}

function storeOf(content: ContentClient, call: CallOptions) {
  return {
    async size(digest: string): Promise<number | undefined> {
      try {
        return Number((await content.info(digest, call)).size);
      } catch (error) {
        if (isError(error, Code.NotFound)) return undefined;
        throw error;
      }
    },
    readAll: (digest: string) => content.readAll(undefined, digest, LARGEST),
    async head(digest: string): Promise<Uint8Array> {
      const { size } = await content.info(digest, call);
      const length = Math.min(HEAD, Number(size));
      if (length === 0) return new Uint8Array();
      for await (const bytes of content.read(digest, { ...call, size: length })) return bytes;
      return new Uint8Array();
    },
  };
}

const full = (platform: PlatformName) => normalizePlatform({ ...platform, osVersion: "" });

const choiceOf = ({ platforms, unpack }: Import) => ({
  platforms: platforms.map(full),
  unpacks: unpack?.platforms.map((platform) => ({
    platform: full(platform),
    snapshotter: unpack.snapshotter,
  })) ?? [],
});

/** Labels by which documents keep what they refer to; what was there before goes into the lease. */
async function keep({ content, lease, call }: Importing, { documents, manifests }: Choice): Promise<void> {
  for (const [digest, document] of documents) {
    await lease.add({ id: digest, type: "content" }, { signal: call.signal });
    await content.label(digest, childLabels(document), call);
  }
  for (const { manifest: { config, layers } } of manifests) {
    for (const { digest } of [config, ...layers]) {
      await lease.add({ id: digest, type: "content" }, { signal: call.signal });
    }
  }
}

async function unpack(importing: Importing, { manifests }: Choice): Promise<void> {
  const report = (event: string, layer: Descriptor, done: number) =>
    importing.onProgress(progress(event, refOf(layer), layer.size, done));
  for (const { manifest, snapshotters } of manifests) {
    for (const snapshotter of snapshotters) {
      await unpackByClient({ ...importing, report }, manifest, snapshotter);
    }
  }
}

async function storeIndex(
  { content, call }: Importing,
  sink: ArchiveSink,
  index: Bytes,
): Promise<Descriptor> {
  const mediaType = MediaType.ociIndex;
  const digest = await sink.store(index);
  await content.label(digest, childLabels(parseDocument(index, { digest, mediaType })), call);
  return { mediaType, digest, size: index.length, annotations: {} };
}

async function save({ services, wish, call, onProgress }: Importing, name: string, target: Descriptor) {
  const { mediaType, digest, size } = target;
  await nameImage(services, name, { mediaType, digest, size }, wish.labels, call);
  onProgress(progress("saved", name, size, size));
}

function progress(event: string, name: string, total: number, done: number): Progress {
  return { event, name, parents: [], progress: BigInt(done), total: BigInt(total), desc: undefined };
}

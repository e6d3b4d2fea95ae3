/** Importing an archive of images: its blobs as they come, then what they mean, layers unpacked, names at last. */
import type { Image } from "../api/services/images/v1/images.ts";
import {
  type Choice,
  choose,
  type ChosenManifest,
  imagesOf,
  type ImportWish,
  inflated,
  nameImages,
  type NameRule,
  readArchive,
  type StoredFile,
} from "../image_archive/mod.ts";
import { childLabels, type Descriptor, formatPlatform, MediaType, snapshotLabel } from "../images/mod.ts";
import { parseDocument } from "../images/mod.ts";
import type { ImageStore } from "../metadata/mod.ts";
import { LARGEST_MANIFEST } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { ArchiveIngest } from "./archive_ingest.ts";
import type { TransferRooms } from "./download.ts";
import type { Flights } from "./flights.ts";
import { labelContent, releaseLayers } from "./label_content.ts";
import { progressText, type Report } from "./progress.ts";
import { saveImage } from "./pull.ts";
import { StoredLayers } from "./stored_layers.ts";
import { Unpacking } from "./unpack.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What to import, and how. */
export interface ImportRequest extends ImportWish {
  /** The archive: a tar, also compressed with gzip or zstd. */
  readonly source: AsyncIterable<Bytes>;
  /** Names by which the archive's images are kept. */
  readonly names: readonly NameRule[];
  /** Names for the index of all of them. */
  readonly indexNames: readonly string[];
  /** Compress layers that are plain tars; those of OCI layouts stay, for their manifests name them. */
  readonly compressLayers: boolean;
  /** Wait until unpacked files are on disk (true unless said). */
  readonly sync?: boolean;
  /** Keep no layers that are unpacked. */
  readonly discardUnpackedLayers?: boolean;
  /** Of the images that are named. */
  readonly labels: Readonly<Record<string, string>>;
}

type Rooms = TransferRooms & { readonly images: ImageStore };

const HEAD = 16;

/** One import under way, within a lease. */
export class Importing {
  readonly #rooms: Rooms;
  readonly #flights: Flights;
  readonly #scope: Scope;
  readonly #request: ImportRequest;
  readonly #report: Report;

  constructor(
    rooms: Rooms,
    flights: Flights,
    { scope, request, report }: { scope: Scope; request: ImportRequest; report: Report },
  ) {
    this.#rooms = rooms;
    this.#flights = flights;
    this.#scope = scope;
    this.#request = request;
    this.#report = report;
  }

  /** Gives the images' records. */
  async run(signal: AbortSignal): Promise<Image[]> {
    const { source } = this.#request;
    const ingest = new ArchiveIngest(this.#rooms, this.#scope);
    const archive = inflated(watched(source, this.#report), signal);
    const contents = await readArchive(archive, (path, size) => ingest.open(path, size), signal);
    const store = {
      ...this.#content(),
      store: (bytes: Bytes) => ingest.store(bytes),
      compress: this.#request.compressLayers
        ? (layer: StoredFile) => ingest.compress(layer, this.#rooms.workers, signal)
        : undefined,
    };
    const { index, images } = await imagesOf(contents, store);
    const choice = await choose(store, images, this.#request);
    const named = nameImages(choice.images, this.#request);
    for (const { platform, digest } of choice.skipped) {
      this.#report(progressText("skipped", platform?.os ? formatPlatform(platform) : digest));
    }
    await this.#keep(choice);
    for (const manifest of choice.manifests) await this.#unpack(manifest, signal);
    if (this.#request.indexNames.length > 0) named.unshift(...await this.#indexImages(index, ingest));
    const records: Image[] = [];
    for (const { name, target } of named) records.push(await this.#save(name, target));
    return records;
  }

  #content() {
    const { content } = this.#rooms;
    return {
      size: (digest: string) => {
        const has = content.has(this.#scope, digest);
        return Promise.resolve(has ? Number(content.info(this.#scope, digest).size) : undefined);
      },
      readAll: (digest: string) => content.readAll(this.#scope, digest, LARGEST_MANIFEST),
      head: async (digest: string) => {
        const size = Math.min(HEAD, Number(content.info(this.#scope, digest).size));
        for await (const bytes of content.read(this.#scope, digest, { offset: 0, size })) return bytes;
        return new Uint8Array();
      },
    };
  }

  /** The labels by which documents keep what they refer to. */
  async #keep({ documents, manifests }: Choice): Promise<void> {
    const { content, leases } = this.#rooms;
    const { lease } = this.#scope;
    const hold = async (digest: string) => {
      if (lease) await leases.addResource(this.#scope, lease, { type: "content", id: digest });
    };
    for (const [digest, document] of documents) {
      await hold(digest);
      await labelContent(content, this.#scope, digest, childLabels(document));
    }
    // What the archive left out may be here for another image's sake, which may go meanwhile.
    for (const { manifest: { config, layers } } of manifests) {
      for (const { digest } of [config, ...layers]) if (content.has(this.#scope, digest)) await hold(digest);
    }
  }

  async #unpack(chosen: ChosenManifest, signal: AbortSignal): Promise<void> {
    const { target, manifest: { layers, config: { digest } }, config, snapshotters } = chosen;
    const { content } = this.#rooms;
    for (const snapshotter of snapshotters) {
      const plan = { layers, diffIds: config!.diffIds, snapshotter, sync: this.#request.sync };
      const parts = { scope: this.#scope, report: this.#report, plan };
      const source = new StoredLayers(this.#rooms, this.#scope, this.#report);
      const top = await new Unpacking(this.#rooms, this.#flights, source, parts).run(signal);
      if (top) await labelContent(content, this.#scope, digest, { [snapshotLabel(snapshotter)]: top });
    }
    if (!this.#request.discardUnpackedLayers || snapshotters.size === 0) return;
    await releaseLayers(content, this.#scope, target.digest, layers);
  }

  async #indexImages(index: Bytes, ingest: ArchiveIngest): Promise<{ name: string; target: Descriptor }[]> {
    const digest = await ingest.store(index);
    const mediaType = MediaType.ociIndex;
    const document = parseDocument(index, { digest, mediaType });
    await labelContent(this.#rooms.content, this.#scope, digest, childLabels(document));
    const target = { mediaType, digest, size: index.length, annotations: {} };
    return this.#request.indexNames.map((name) => ({ name, target }));
  }

  async #save(name: string, { mediaType, digest, size, annotations }: Descriptor): Promise<Image> {
    const target = { mediaType, digest, size: BigInt(size), annotations: { ...annotations } };
    const labels = { ...this.#request.labels };
    const image: Image = { name, labels, target, createdAt: undefined, updatedAt: undefined };
    const saved = await saveImage(this.#rooms.images, this.#scope, image);
    this.#report({
      event: "saved",
      name,
      parents: [],
      progress: target.size,
      total: target.size,
      desc: target,
    });
    return saved;
  }
}

/** Tells now and then how much of the archive has come. */
async function* watched(source: AsyncIterable<Bytes>, report: Report): AsyncGenerator<Bytes> {
  let received = 0;
  let told = -Infinity;
  for await (const bytes of source) {
    received += bytes.length;
    yield bytes;
    if (performance.now() - told < 100) continue;
    told = performance.now();
    report({ ...progressText("reading", "archive"), progress: BigInt(received) });
  }
  const total = BigInt(received);
  report({ ...progressText("complete", "archive"), progress: total, total });
}

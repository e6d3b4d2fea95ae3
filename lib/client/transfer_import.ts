/** Importing by the daemon's Transfer service: an archive's bytes go to the daemon once, and are read there. */
import { type ImageReference, ImageStore } from "../api/types/transfer/imagestore.ts";
import { ImageImportStream } from "../api/types/transfer/importexport.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { anyOf } from "../rpc/any.ts";
import { sendBytes } from "../rpc/byte_stream.ts";
import { complete } from "../rpc/service.ts";
import { leased } from "./leased.ts";
import type { Services } from "./services.ts";
import { openStream, type PlatformName, transfer } from "./transfer.ts";

/** What to import of an archive, and under which names. */
export interface Import {
  /** Empty for all. */
  readonly platforms: readonly PlatformName[];
  /** Where to unpack to, and which platforms; undefined: nowhere. */
  readonly unpack: { readonly snapshotter: string; readonly platforms: readonly PlatformName[] } | undefined;
  /** `repository` for images that only have a tag. */
  readonly baseName: string;
  /** Take images of other names than `baseName`, too. */
  readonly anyName: boolean;
  /** Also name images `baseName@digest`. */
  readonly digests: "never" | "always" | "unnamed";
  /** A name for the index of all images; empty for none. */
  readonly indexName: string;
  /** Compress layers that are plain tars; only of docker's format. */
  readonly compressLayers: boolean;
  /** Don't wait until unpacked files are on disk. */
  readonly noSync: boolean;
  /** Have the daemon collect layers that are unpacked. */
  readonly discardUnpackedLayers: boolean;
  readonly labels: Record<string, string>;
}

/** Imports the archive `source`. Throws Unimplemented if the daemon has no such service. */
export async function transferImport(
  services: Services,
  source: AsyncIterable<Uint8Array>,
  wish: Import,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const abort = new AbortController();
  const both = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  await using daemon = await leased(services);
  const stream = await openStream(daemon);
  const sending = sendBytes({ incoming: stream.messages, send: stream.send }, source, both)
    .then(() => stream.close(), (error) => abort.abort(error));
  const ends = () => ({
    source: anyOf(
      "containerd.types.transfer.ImageImportStream",
      ImageImportStream,
      complete(ImageImportStream, { stream: stream.id, forceCompress: wish.compressLayers }),
    ),
    destination: anyOf("containerd.types.transfer.ImageStore", ImageStore, storeOf(wish)),
  });
  try {
    await transfer(daemon, { credentials: undefined }, ends, onProgress, both);
    await sending;
  } catch (error) {
    // That the source can't be read is why the daemon was told to stop.
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    abort.abort();
    stream.close();
  }
}

function storeOf(
  { platforms, unpack, indexName, labels, noSync, discardUnpackedLayers, ...names }: Import,
): ImageStore {
  const full = (platform: PlatformName) => ({ ...platform, osVersion: "", osFeatures: [] });
  const reference: ImageReference = {
    name: names.baseName,
    isPrefix: true,
    allowOverwrite: names.anyName,
    addDigest: names.digests !== "never",
    skipNamedDigest: names.digests === "unnamed",
  };
  return complete(ImageStore, {
    name: indexName,
    labels,
    noSync,
    discardUnpackedLayers,
    platforms: platforms.map(full),
    extraReferences: [reference],
    unpacks: unpack?.platforms.map((platform) => ({
      platform: full(platform),
      snapshotter: unpack.snapshotter,
    })) ?? [],
  });
}

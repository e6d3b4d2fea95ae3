/** Transfers between the image store and archives, which clients send and receive over streams of bytes. */
import type { ImageReference, ImageStore } from "../api/types/transfer/imagestore.ts";
import type { ImageExportStream, ImageImportStream } from "../api/types/transfer/importexport.ts";
import type { NameRule } from "../image_archive/mod.ts";
import { Code, CtrError, invalidArgument, unimplemented } from "../errors.ts";
import { receiveBytes, sendBytes } from "../rpc/byte_stream.ts";
import type { Scope } from "../scope.ts";
import type { Transfer, TransferOptions } from "../transfer/mod.ts";
import type { Streams } from "./streaming.ts";

/** Imports the archive that comes over a stream. */
export async function importArchive(
  transfer: Transfer,
  streams: Streams,
  scope: Scope,
  { source, store }: { source: ImageImportStream; store: ImageStore },
  watch: TransferOptions,
): Promise<void> {
  const stream = streams.get(scope, source.stream);
  const extra = store.extraReferences;
  try {
    const whole = extra.filter(({ isPrefix }) => !isPrefix).map(({ name }) => name);
    await transfer.import(scope, {
      source: receiveBytes(stream),
      platforms: store.platforms,
      unpacks: store.unpacks.map(({ platform, snapshotter }) => ({
        platform: platform?.os || platform?.architecture ? platform : undefined,
        snapshotter: snapshotter || "overlayfs",
      })),
      names: extra.filter(({ isPrefix }) => isPrefix).map(ruleOf),
      indexNames: [...store.name ? [store.name] : [], ...whole],
      compressLayers: source.forceCompress,
      sync: !store.noSync,
      discardUnpackedLayers: store.discardUnpackedLayers || undefined,
      labels: store.labels,
    }, watch);
  } finally {
    stream.close();
  }
}

function ruleOf({ name, allowOverwrite, addDigest, skipNamedDigest }: ImageReference): NameRule {
  const digests = !addDigest ? "never" : skipNamedDigest ? "unnamed" : "always";
  return { prefix: name, anyName: allowOverwrite, digests };
}

/** Exports images to the client at the other end of a stream. */
export async function exportArchive(
  transfer: Transfer,
  streams: Streams,
  scope: Scope,
  { store, destination }: { store: ImageStore; destination: ImageExportStream },
  watch: TransferOptions,
): Promise<void> {
  const stream = streams.get(scope, destination.stream);
  try {
    if (store.extraReferences.some(({ isPrefix }) => isPrefix)) {
      throw unimplemented("transfer: export of images by a prefix of their names");
    }
    const names = [...store.name ? [store.name] : [], ...store.extraReferences.map(({ name }) => name)];
    if (names.length === 0) throw invalidArgument("transfer: export of no images");
    const request = {
      names,
      platforms: destination.platforms.length > 0 ? destination.platforms : store.platforms,
      allPlatforms: destination.allPlatforms,
      skipDockerManifest: destination.skipCompatibilityManifest,
      skipNonDistributable: destination.skipNonDistributable,
    };
    await transfer.export(scope, request, async (archive) => {
      if (await sendBytes(stream, archive, watch.signal)) return;
      throw new CtrError(Code.Canceled, "export: the receiver has gone");
    }, watch);
  } finally {
    stream.close();
  }
}

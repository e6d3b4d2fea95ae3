/** Transfers between the image store and archives, which clients send and receive over streams of bytes. */
import type { ImageReference, ImageStore } from "../api/types/transfer/imagestore.ts";
import type { ImageImportStream } from "../api/types/transfer/importexport.ts";
import { unimplemented } from "../errors.ts";
import { receiveBytes } from "../rpc/byte_stream.ts";
import type { Scope } from "../scope.ts";
import type { NameRule, Transfer, TransferOptions } from "../transfer/mod.ts";
import type { Streams } from "./streaming.ts";

/** Imports the archive that comes over a stream. */
export async function importArchive(
  transfer: Transfer,
  streams: Streams,
  scope: Scope,
  { source, store }: { source: ImageImportStream; store: ImageStore },
  watch: TransferOptions,
): Promise<void> {
  if (source.forceCompress) throw unimplemented("transfer: compressing the layers of an archive");
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

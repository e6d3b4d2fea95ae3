/** Exporting by the daemon's Transfer service: it makes the archive, and its bytes come to us. */
import { ImageStore } from "../api/types/transfer/imagestore.ts";
import { ImageExportStream } from "../api/types/transfer/importexport.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { anyOf } from "../rpc/any.ts";
import { receiveBytes } from "../rpc/byte_stream.ts";
import { complete } from "../rpc/service.ts";
import type { Services } from "./services.ts";
import { ArchiveEnd } from "./archive_end.ts";
import { leased } from "./leased.ts";
import { openStream, type PlatformName, type Stream, transfer } from "./transfer.ts";

/** Which images go into an archive, and what of them. */
export interface Export {
  /** Names in the store. */
  readonly images: readonly string[];
  /** Empty for the daemon's own or, if that isn't there, for those that are. */
  readonly platforms: readonly PlatformName[];
  /** Fail rather than leave out platforms. */
  readonly allPlatforms: boolean;
  /** Leave out the manifest.json that docker load reads. */
  readonly skipManifestJson: boolean;
  readonly skipNonDistributable: boolean;
}

/**
 * The bytes of an archive of images. Throws what keeps the daemon from making it, Unimplemented if it has no such
 * service; who stops reading stops the daemon.
 */
export async function* transferExport(
  services: Services,
  wish: Export,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const abort = new AbortController();
  const both = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  const foreign = await services.isForeign?.();
  await using daemon = await leased(services);
  const end = new ArchiveEnd();
  const stream = await openStream(daemon, end.signal);
  const ends = () => ({
    source: anyOf("containerd.types.transfer.ImageStore", ImageStore, storeOf(wish)),
    destination: anyOf(
      "containerd.types.transfer.ImageExportStream",
      ImageExportStream,
      destinationOf(stream, wish),
    ),
  });
  const transferring = transfer(daemon, { credentials: undefined }, ends, onProgress, both);
  transferring.then(() => foreign && end.expect(), (error) => end.tell(error));
  try {
    yield* end.of(receiveBytes({ incoming: stream.messages, send: stream.send }));
    await transferring;
  } finally {
    abort.abort();
    end.tell(new Error("nobody reads on"));
    stream.close();
    await transferring.catch(() => {});
  }
}

const storeOf = ({ images }: Export): ImageStore =>
  complete(ImageStore, {
    extraReferences: images.map((name) => ({
      name,
      isPrefix: false,
      allowOverwrite: false,
      addDigest: false,
      skipNamedDigest: false,
    })),
  });

const destinationOf = (stream: Stream, wish: Export): ImageExportStream =>
  complete(ImageExportStream, {
    stream: stream.id,
    platforms: wish.platforms.map((platform) => ({ ...platform, osVersion: "", osFeatures: [] })),
    allPlatforms: wish.allPlatforms,
    skipCompatibilityManifest: wish.skipManifestJson,
    skipNonDistributable: wish.skipNonDistributable,
  });

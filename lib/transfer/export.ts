/** Exporting images into an archive: planned before the first byte, held from the garbage collector to the last. */
import {
  archiveBytes,
  archiveFiles,
  type ExportPlan,
  type ExportWish,
  planExport,
} from "../image_archive/mod.ts";
import { parsePlatform, type Platform } from "../images/mod.ts";
import type { ImageStore } from "../metadata/mod.ts";
import { LARGEST_MANIFEST } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import type { TransferRooms } from "./download.ts";
import type { Holds } from "./hold.ts";
import { progressOf, progressText } from "./progress.ts";
import type { TransferOptions } from "./transfer.ts";

/** What to export, and how. */
export interface ExportRequest extends Omit<ExportWish, "platforms"> {
  /** Names of images in the store. */
  readonly names: readonly string[];
  /** "linux/arm64" or in parts; this machine's if empty or, if that isn't here, those that are. */
  readonly platforms: readonly (string | Platform)[];
  /** Leave out the manifest.json that docker load reads. */
  readonly skipDockerManifest: boolean;
}

type Rooms = TransferRooms & { readonly images: ImageStore };

/** Bytes of a blob that are read at once. */
const PIECE = 256 << 10;

/** Hands the archive to `take`, whose pieces are good until the next one is asked for; see {@linkcode Transfer.export}. */
export async function exportImages(
  rooms: Rooms,
  holds: Holds,
  { scope, request }: { scope: Scope; request: ExportRequest },
  take: (archive: AsyncIterable<Uint8Array>) => Promise<void>,
  { signal, onProgress: report = () => {} }: TransferOptions,
): Promise<void> {
  const { content, leases } = rooms;
  const held = await holds.hold(scope, `export ${crypto.randomUUID()}`);
  try {
    const plans: ExportPlan[] = [];
    for (const name of new Set(request.names)) {
      const target = rooms.images.get(scope, name).target!;
      await leases.addResource(held.scope, held.scope.lease!, { type: "content", id: target.digest });
      plans.push(await plan(rooms, scope, name, request));
    }
    for (const skipped of new Set(plans.flatMap((one) => one.skipped))) {
      report(progressText("skipped", skipped));
    }
    const files = archiveFiles(plans, { docker: !request.skipDockerManifest });
    const into = new Uint8Array(PIECE);
    await take(archiveBytes(files, async function* (blob) {
      report(progressOf("exporting", blob));
      for await (const bytes of content.read(scope, blob.digest, { into })) {
        signal?.throwIfAborted();
        yield bytes;
      }
      report(progressOf("complete", blob, blob.size));
    }));
  } finally {
    await held.end();
  }
}

async function plan(
  { images, content }: Rooms,
  scope: Scope,
  name: string,
  { platforms, allPlatforms, skipNonDistributable }: ExportRequest,
): Promise<ExportPlan> {
  const { mediaType, digest, size, annotations } = images.get(scope, name).target!;
  const store = {
    has: (digest: string) => Promise.resolve(content.has(scope, digest)),
    readAll: (digest: string) => content.readAll(scope, digest, LARGEST_MANIFEST),
  };
  const wanted = platforms.map((one) => typeof one === "string" ? parsePlatform(one) : one);
  const image = { name, target: { mediaType, digest, size: Number(size), annotations } };
  return await planExport(store, image, { platforms: wanted, allPlatforms, skipNonDistributable });
}

/** Exporting images into an archive. */
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError } from "../errors.ts";
import { parsePlatform } from "../images/mod.ts";
import type { Services } from "./services.ts";
import { type Export, transferExport } from "./transfer_export.ts";

export interface ExportOptions {
  /** `os/arch/variant`; the daemon's unless said or, if that isn't there, those that are. */
  readonly platforms?: readonly string[];
  /** Fail rather than leave out platforms that aren't there. */
  readonly allPlatforms?: boolean;
  /** Leave out the manifest.json that `docker load` reads. */
  readonly skipManifestJson?: boolean;
  /** Leave out layers that their maker doesn't let others hand on. */
  readonly skipNonDistributable?: boolean;
  readonly onProgress?: (update: Progress) => void;
  readonly signal?: AbortSignal;
}

/** The bytes of an archive of images; see {@linkcode ExportOptions}. The same images give the same bytes. */
export function exportArchive(
  services: Services,
  names: readonly string[],
  options: ExportOptions,
): AsyncGenerator<Uint8Array> {
  const wish = {
    images: names,
    platforms: options.platforms?.map(parsePlatform) ?? [],
    allPlatforms: options.allPlatforms ?? false,
    skipManifestJson: options.skipManifestJson ?? false,
    skipNonDistributable: options.skipNonDistributable ?? false,
  };
  return exportFrom(services, wish, options.onProgress ?? (() => {}), options.signal);
}

/** Exports: by the daemon if it can, else by ourselves. */
export async function* exportFrom(
  services: Services,
  wish: Export,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* transferExport(services, wish, onProgress, signal);
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
    const { exportByClient } = await import("./export_by_client.ts");
    yield* exportByClient(services, wish, onProgress, signal);
  }
}

/** Importing images from an archive. */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError } from "../errors.ts";
import { defaultPlatform, parsePlatform } from "../images/mod.ts";
import { Image } from "./image.ts";
import type { Services } from "./services.ts";
import { type Import, transferImport } from "./transfer_import.ts";

export interface ImportOptions {
  /** `os/arch/variant`; the host's unless said. */
  readonly platforms?: readonly string[];
  /** Take all platforms of the archive; `platforms` are those that are unpacked. */
  readonly allPlatforms?: boolean;
  /** Where layers are unpacked to; `false` for nowhere. */
  readonly unpack?: string | false;
  /** Don't wait until unpacked files are on disk. */
  readonly noSync?: boolean;
  /** Give unpacked layers' blobs to the garbage collector. */
  readonly discardUnpackedLayers?: boolean;
  /** Import only images of this name, and give it to those that have nothing but a tag. */
  readonly baseName?: string;
  /** Also name images by their digests; `"unnamed"`: those that have no other name. */
  readonly digests?: boolean | "unnamed";
  /** Compress layers that are plain tars, as `docker save` writes them. */
  readonly compressLayers?: boolean;
  /** A name for the index of all images. */
  readonly indexName?: string;
  readonly labels?: Record<string, string>;
  readonly onProgress?: (update: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Imports an OCI layout or a `docker save` archive, also compressed; see {@linkcode ImportOptions}. */
export async function importArchive(
  services: Services,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<Image[]> {
  const { unpack = "overlayfs", baseName, digests = false, indexName = "", labels = {}, signal } = options;
  const platforms = options.platforms?.map(parsePlatform) ?? [defaultPlatform()];
  const names: string[] = [];
  const wish: Import = {
    platforms: options.allPlatforms ? [] : platforms,
    unpack: unpack === false ? undefined : { snapshotter: unpack, platforms },
    baseName: baseName ?? defaultBaseName(),
    anyName: baseName === undefined,
    digests: digests === "unnamed" ? digests : digests ? "always" : "never",
    indexName,
    compressLayers: options.compressLayers ?? false,
    noSync: options.noSync ?? false,
    discardUnpackedLayers: options.discardUnpackedLayers ?? false,
    labels,
  };
  await importInto(services, archive, wish, (update) => {
    if (update.event === "saved") names.push(update.name);
    options.onProgress?.(update);
  }, signal);
  const stub = services.stub(ImagesDefinition);
  const images: Image[] = [];
  for (const name of names) {
    images.push(new Image(services, (await stub.get({ name })).image!, options.platforms?.[0]));
  }
  return images;
}

/** Imports: by the daemon if it can, else by ourselves. */
export async function importInto(
  services: Services,
  archive: AsyncIterable<Uint8Array>,
  wish: Import,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  let begun = false;
  async function* watched() {
    begun = true;
    yield* archive;
  }
  try {
    await transferImport(services, watched(), wish, onProgress, signal);
  } catch (error) {
    if (!isError(error, Code.Unimplemented) || begun) throw error;
    const { importByClient } = await import("./import_by_client.ts");
    await importByClient(services, archive, wish, onProgress, signal);
  }
}

/** The name that images with nothing but a tag get, as containerd's clients give it: "import-2026-01-31". */
export const defaultBaseName = (): string => `import-${new Date().toISOString().slice(0, 10)}`;

/** Walking an image in the content store: the manifest for a platform, its config, what is present of it. */
import { Code, isError, notFound } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { chainIds } from "./chain.ts";
import { childrenOf } from "./labels.ts";
import { formatPlatform, type Platform, suitable } from "./platform.ts";
import {
  type Descriptor,
  type ImageConfig,
  type Index,
  isIndexType,
  isManifestType,
  type Manifest,
  parseConfig,
  parseDocument,
} from "./types.ts";

/** Where documents are read from. */
export interface Documents {
  readAll(scope: Scope, digest: string, limit: number): Promise<Uint8Array>;
}

/** What is needed of the content store. */
export interface ImageContent extends Documents {
  info(scope: Scope, digest: string): { readonly size: bigint; readonly labels: Record<string, string> };
}

/** What a descriptor has to say here. */
export type Root = Pick<Descriptor, "digest" | "mediaType">;

const LARGEST = 8 * 1024 * 1024;
/** Indexes within indexes. */
export const DEEPEST = 8;

/** Reads a manifest or an index that is in the store. Throws NotFound, InvalidArgument. */
export async function readDocument(
  content: Documents,
  scope: Scope,
  target: Root,
): Promise<Manifest | Index> {
  return parseDocument(await content.readAll(scope, target.digest, LARGEST), target);
}

/** Reads a manifest's config. Throws NotFound, InvalidArgument. */
export async function readConfig(
  content: Documents,
  scope: Scope,
  manifest: Manifest,
): Promise<ImageConfig> {
  return parseConfig(await content.readAll(scope, manifest.config.digest, LARGEST), manifest.config.digest);
}

/** The best manifest for a platform below `target`. Throws NotFound if there is none, or it isn't here. */
export async function manifestFor(
  content: Documents,
  scope: Scope,
  target: Root,
  platform: Platform,
): Promise<{ target: Root; manifest: Manifest }> {
  const found = await search(content, scope, target, platform, DEEPEST);
  if (found) return found;
  throw notFound(`${target.digest}: no manifest for ${formatPlatform(platform)}`);
}

async function search(
  content: Documents,
  scope: Scope,
  target: Root,
  platform: Platform,
  depth: number,
): Promise<{ target: Root; manifest: Manifest } | undefined> {
  const document = await readDocument(content, scope, target);
  if (document.kind === "manifest") return { target, manifest: document };
  if (depth === 0) return undefined;
  const images = document.manifests.filter(({ mediaType }) =>
    isIndexType(mediaType) || isManifestType(mediaType)
  );
  for (const child of suitable(platform, images)) {
    const found = await search(content, scope, child, platform, depth - 1);
    if (found) return found;
  }
  return undefined;
}

/** What is there of an image. */
export interface Presence {
  /** Whether the manifest itself is there; if not, nothing more is known. */
  readonly available: boolean;
  /** Config and layers. */
  readonly required: readonly Descriptor[];
  readonly present: readonly Descriptor[];
  readonly missing: readonly Descriptor[];
}

/** Which parts of the image for a platform are in the store. */
export async function check(
  content: ImageContent,
  scope: Scope,
  target: Root,
  platform: Platform,
): Promise<Presence> {
  let manifest: Manifest;
  try {
    ({ manifest } = await manifestFor(content, scope, target, platform));
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
    return { available: false, required: [], present: [], missing: [] };
  }
  const required = childrenOf(manifest);
  const present = required.filter(({ digest }) => has(content, scope, digest));
  return { available: true, required, present, missing: required.filter((one) => !present.includes(one)) };
}

/** Whether the image for a platform has its snapshot; false if that can't be known. */
export async function isUnpacked(
  content: ImageContent,
  snapshots: { stat(scope: Scope, snapshotter: string, key: string): unknown },
  scope: Scope,
  target: Root,
  { platform, snapshotter }: { platform: Platform; snapshotter: string },
): Promise<boolean> {
  try {
    const { manifest } = await manifestFor(content, scope, target, platform);
    const top = chainIds((await readConfig(content, scope, manifest)).diffIds).at(-1);
    if (top !== undefined) await snapshots.stat(scope, snapshotter, top);
    return true;
  } catch (error) {
    if (isError(error, Code.NotFound)) return false;
    throw error;
  }
}

/** Bytes of the manifest, config and layers for a platform, as their descriptors say. */
export async function imageSize(
  content: ImageContent,
  scope: Scope,
  target: Root,
  platform: Platform,
): Promise<number> {
  const found = await manifestFor(content, scope, target, platform);
  const own = Number(content.info(scope, found.target.digest).size);
  return childrenOf(found.manifest).reduce((sum, { size }) => sum + size, own);
}

function has(content: ImageContent, scope: Scope, digest: string): boolean {
  try {
    content.info(scope, digest);
    return true;
  } catch (error) {
    if (isError(error, Code.NotFound)) return false;
    throw error;
  }
}

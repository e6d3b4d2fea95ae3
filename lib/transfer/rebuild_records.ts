/** What blobs tell of each other: the records that a namespace would have if it had fetched them all. */
import type { Info } from "../api/services/content/v1/content.ts";
import type { Image } from "../api/services/images/v1/images.ts";
import {
  chainIds,
  childLabels,
  childrenOf,
  type Index,
  isIndexType,
  type Manifest,
  MediaType,
  parseConfig,
  parseDocument,
  snapshotLabel,
  uncompressedLabel,
} from "../images/mod.ts";
import { expireLabel } from "../metadata/mod.ts";
import { fromMillis } from "../rpc/timestamp.ts";

/** A verified blob: its length, and its bytes if it may be a document. */
export interface FoundBlob {
  readonly digest: string;
  readonly size: number;
  readonly bytes?: Uint8Array;
}

interface Known {
  readonly blob: FoundBlob;
  readonly mediaType: string;
  readonly document: Manifest | Index;
}

/** A host that no registry has (RFC 2606): the names of images are in no blob. */
export const rebuiltHost = "rebuilt.invalid";
const nameAnnotation = "io.containerd.image.name";
/** What no document refers to is kept so long, for somebody to look at it. */
const looseMillis = 7 * 24 * 3_600_000;

/** Content records with their labels, and an image for each document that no other one refers to. */
export function recordsFor(
  blobs: readonly FoundBlob[],
  { time, snapshotter }: { time: number; snapshotter: string },
): { content: Info[]; images: Image[] } {
  const stamp = fromMillis(time);
  const info = new Map<string, Info>();
  for (const { digest, size } of blobs) {
    info.set(digest, { digest, size: BigInt(size), labels: {}, createdAt: stamp, updatedAt: stamp });
  }
  const documents = blobs.flatMap((blob) => documentIn(blob) ?? []);
  const bytes = new Map(blobs.map((blob) => [blob.digest, blob.bytes]));
  const children = new Set<string>();
  for (const { blob, document } of documents) {
    label(info, blob.digest, childLabels(document));
    for (const { digest } of childrenOf(document)) children.add(digest);
    if (document.kind === "manifest") {
      labelParts(info, document, bytes.get(document.config.digest), snapshotter);
    }
  }
  const roots = documents.filter(({ blob }) => !children.has(blob.digest));
  const rooted = new Set([...children, ...roots.map(({ blob }) => blob.digest)]);
  const end = new Date(time + looseMillis).toISOString();
  for (const { digest } of blobs) if (!rooted.has(digest)) label(info, digest, { [expireLabel]: end });
  return { content: [...info.values()], images: roots.map((root) => imageOf(root, stamp)) };
}

function documentIn(blob: FoundBlob): Known | undefined {
  if (!blob.bytes) return undefined;
  const mediaType = typeOf(blob.bytes);
  if (!mediaType) return undefined;
  try {
    return { blob, mediaType, document: parseDocument(blob.bytes, { digest: blob.digest, mediaType }) };
  } catch {
    // Some other JSON: kept as what it is, a blob.
    return undefined;
  }
}

/** The media type that a document has by its own word, or by what is in it. */
function typeOf(bytes: Uint8Array): string | undefined {
  try {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof json?.mediaType === "string") return json.mediaType;
    if (Array.isArray(json?.manifests)) return MediaType.ociIndex;
    return json?.config && Array.isArray(json.layers) ? MediaType.ociManifest : undefined;
  } catch {
    return undefined;
  }
}

function label(info: Map<string, Info>, digest: string, labels: Record<string, string>): void {
  const known = info.get(digest);
  if (known) Object.assign(known.labels, labels);
}

/** The labels that unpacking leaves: `repair` knows by them that there was a snapshot. */
function labelParts(
  info: Map<string, Info>,
  { config, layers }: Manifest,
  bytes: Uint8Array | undefined,
  snapshotter: string,
): void {
  if (!bytes) return;
  let diffIds: readonly string[];
  try {
    ({ diffIds } = parseConfig(bytes, config.digest));
  } catch {
    // Not an image's config: an artifact's.
    return;
  }
  const top = chainIds(diffIds).at(-1);
  if (top && layers.length === diffIds.length && layers.every(({ digest }) => info.has(digest))) {
    label(info, config.digest, { [snapshotLabel(snapshotter)]: top });
  }
  for (const [n, { digest }] of layers.entries()) {
    const diffId = diffIds[n];
    if (diffId && diffId !== digest) label(info, digest, { [uncompressedLabel]: diffId });
  }
}

function imageOf({ blob, mediaType, document }: Known, stamp: Image["createdAt"]): Image {
  const said = document.kind === "index" &&
    document.manifests.map(({ annotations }) => annotations[nameAnnotation]);
  const name = said && said.find((one) => one) ||
    `${rebuiltHost}/${isIndexType(mediaType) ? "index" : "manifest"}:${
      blob.digest.replace(/^.*:(.{12}).*$/, "$1")
    }`;
  return {
    name,
    labels: { "longshore.dev/rebuilt": "true" },
    target: { mediaType, digest: blob.digest, size: BigInt(blob.size), annotations: {} },
    createdAt: stamp,
    updatedAt: stamp,
  };
}

/** What manifests, indexes and configs say, as far as it is used here. Source: OCI image spec 1.1, Docker schema 2. */
import { invalidArgument, messageOf } from "../errors.ts";
import { parseDigest } from "../content/mod.ts";
import type { Platform } from "./platform.ts";

/** A reference to content from within a document. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  /** Other places that have it: layers that their maker doesn't let registries hold. */
  readonly urls?: readonly string[];
}

/** An image for one platform. */
export interface Manifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A choice of images. */
export interface Index {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/** What an image's config says of its layers and platform. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Digests of the layers' tars, lowest first. */
  readonly diffIds: readonly string[];
}

export const MediaType = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
} as const;

/** More layers than any filesystem stacks. */
export const MOST_LAYERS = 1000;
export const MOST_MANIFESTS = 10_000;

export const isIndexType = (type: string) => type === MediaType.ociIndex || type === MediaType.dockerIndex;
export const isManifestType = (type: string) =>
  type === MediaType.ociManifest || type === MediaType.dockerManifest;
export const isConfigType = (type: string) => type === MediaType.ociConfig || type === MediaType.dockerConfig;

const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar([+](gzip|zstd))?|docker\.image\.rootfs\.(foreign\.)?diff\.tar([.](gzip|zstd))?)$/;

/** Whether a media type stands for a tar of files, compressed or not. */
export const isLayerType = (type: string) => layerType.test(type);

/** Whether a layer's maker lets others hand it on. */
export const isDistributable = (type: string) => !/\.nondistributable\.|\.foreign\./.test(type);

/** The name of content under way, which is that of its ingest: "layer-sha256:..." and the like. */
export function refOf({ mediaType, digest }: Pick<Descriptor, "mediaType" | "digest">): string {
  if (isIndexType(mediaType)) return `index-${digest}`;
  if (isManifestType(mediaType)) return `manifest-${digest}`;
  if (isConfigType(mediaType)) return `config-${digest}`;
  if (/\.layer\.|\.rootfs\./.test(mediaType)) return `layer-${digest}`;
  return `unknown-${digest}`;
}

/**
 * Reads a manifest or an index. Throws InvalidArgument, naming `target` and what is wrong: also for documents that
 * could be read as both, or are something else than their descriptor says (CVE-2021-41190).
 */
export function parseDocument(
  bytes: Uint8Array,
  target: Pick<Descriptor, "digest" | "mediaType">,
): Manifest | Index {
  const { digest, mediaType } = target;
  const wrong = (why: string) => invalidArgument(`${wordFor(mediaType)} ${digest}: ${why}`);
  const document = parseJson(bytes, wrong);
  const own = document.mediaType;
  if (own !== undefined && own !== mediaType) {
    throw wrong(`says that it is ${quoted(own)}, its descriptor says ${quoted(mediaType)}`);
  }
  if (document.schemaVersion !== undefined && document.schemaVersion !== 2) {
    throw wrong(`schema version ${quoted(document.schemaVersion)}, only 2 is supported`);
  }
  const hasImage = document.config != null || document.layers != null || document.fsLayers != null;
  if (isIndexType(mediaType)) {
    if (hasImage) throw wrong("has layers or a config: ambiguous");
    return { kind: "index", manifests: list(document.manifests, "manifests", MOST_MANIFESTS, wrong, digest) };
  }
  if (!isManifestType(mediaType)) throw wrong(`media type ${quoted(mediaType)} is no image's`);
  if (document.manifests != null) throw wrong("has manifests: ambiguous");
  const config = descriptor(document.config, "config", wrong, digest);
  return { kind: "manifest", config, layers: list(document.layers, "layers", MOST_LAYERS, wrong, digest) };
}

/** Reads an image config. Throws InvalidArgument, naming `digest`. */
export function parseConfig(bytes: Uint8Array, digest: string): ImageConfig {
  const wrong = (why: string) => invalidArgument(`config ${digest}: ${why}`);
  const document = parseJson(bytes, wrong);
  const rootfs = document.rootfs as { type?: unknown; diff_ids?: unknown } | undefined;
  const ids = rootfs?.diff_ids ?? [];
  if (!Array.isArray(ids)) throw wrong("rootfs.diff_ids is not a list");
  if (ids.length > MOST_LAYERS) throw wrong(`${ids.length} layers, the limit is ${MOST_LAYERS}`);
  const diffIds = ids.map((id, n) => digestIn(id, `rootfs.diff_ids[${n}]`, wrong));
  return { platform: platformIn(document, wrong), diffIds };
}

type Fail = (why: string) => Error;

function parseJson(bytes: Uint8Array, wrong: Fail): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw wrong(`not JSON: ${messageOf(error).slice(0, 200)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("not a JSON object");
  return value as Record<string, unknown>;
}

function list(value: unknown, where: string, most: number, wrong: Fail, self: string): Descriptor[] {
  if (value == null) return [];
  if (!Array.isArray(value)) throw wrong(`${where} is not a list`);
  if (value.length > most) throw wrong(`${value.length} ${where}, the limit is ${most}`);
  return value.map((item, n) => descriptor(item, `${where}[${n}]`, wrong, self));
}

function descriptor(value: unknown, where: string, wrong: Fail, self: string): Descriptor {
  if (typeof value !== "object" || value === null) throw wrong(`${where} is missing`);
  const { mediaType, digest, size, annotations, platform, urls } = value as Record<string, unknown>;
  if (typeof mediaType !== "string") throw wrong(`${where} has no media type`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw wrong(`${where}: size ${quoted(size)}`);
  const checked = digestIn(digest, `${where}.digest`, wrong);
  if (checked === self) throw wrong(`${where} refers to the document itself`);
  return {
    mediaType,
    digest: checked,
    size: size as number,
    annotations: texts(annotations),
    ...platform ? { platform: platformIn(platform as Record<string, unknown>, wrong) } : {},
    ...Array.isArray(urls) ? { urls: urls.filter((url) => typeof url === "string").slice(0, 10) } : {},
  };
}

function digestIn(value: unknown, where: string, wrong: Fail): string {
  try {
    if (typeof value === "string" && parseDigest(value)) return value;
  } catch {
    // Told below, with its place.
  }
  throw wrong(`${where} ${quoted(value)} is not a digest`);
}

function platformIn(value: Record<string, unknown>, wrong: Fail): Platform {
  const text = (name: string) => {
    const part = value[name] ?? "";
    if (typeof part !== "string") throw wrong(`${name} is not a text`);
    return part;
  };
  return {
    os: text("os"),
    architecture: text("architecture"),
    variant: text("variant"),
    osVersion: text("os.version"),
  };
}

function texts(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === "string"));
}

const wordFor = (type: string) => isIndexType(type) ? "index" : "manifest";
const quoted = (value: unknown) => (JSON.stringify(value) ?? "undefined").slice(0, 200);

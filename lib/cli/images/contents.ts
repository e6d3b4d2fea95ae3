/** What an image consists of, read through the daemon's content service. */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import type { Descriptor } from "../../api/types/descriptor.ts";
import { Code, CtrError, isError, notFound } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { hostPlatform, platformText } from "../output/platforms.ts";

/** The part of a descriptor that matters here. */
export interface Part {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: bigint;
}

/** An image's manifest for one platform. */
export interface Manifest {
  /** From the target down to the manifest. */
  readonly chain: readonly Part[];
  readonly config: Part;
  readonly layers: readonly Part[];
}

/** Manifests and configs larger than this are refused, as the daemon refuses them. */
const documentLimit = 8 << 20;
/** Documents up to this many bytes come over the connection that is there. */
const briefLimit = 64 << 10;
/** Indexes within indexes, at most. */
const depthLimit = 8;

interface Platform {
  os: string;
  architecture: string;
  variant: string;
}

// deno-lint-ignore no-explicit-any
type Json = any;

const documents = new WeakMap<Daemon, Map<string, Promise<Json>>>();

/** A JSON document of the content store, asked for once: a digest's bytes never change. Throws NotFound. */
export function readJson(daemon: Daemon, part: Part): Promise<Json> {
  let known = documents.get(daemon);
  if (!known) documents.set(daemon, known = new Map());
  let document = known.get(part.digest);
  if (!document) known.set(part.digest, document = fetchJson(daemon, part));
  return document;
}

async function fetchJson(daemon: Daemon, part: Part): Promise<Json> {
  if (part.size > documentLimit) {
    throw new CtrError(Code.OutOfRange, `${part.digest} is too large for a manifest`);
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  const brief = part.size <= briefLimit;
  for await (const { data } of daemon.stub(ContentDefinition).read({ digest: part.digest }, { brief })) {
    length += data.length;
    if (length > documentLimit) {
      throw new CtrError(Code.OutOfRange, `${part.digest} is too large for a manifest`);
    }
    pieces.push(data);
  }
  const bytes = new Uint8Array(length);
  pieces.reduce((at, piece) => (bytes.set(piece, at), at + piece.length), 0);
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The manifest for a platform; the host's by default. Throws NotFound if it, or its index, isn't there. */
export async function manifestFor(
  daemon: Daemon,
  target: Descriptor | Part,
  platform: Platform = hostPlatform(),
): Promise<Manifest> {
  const found = await search(daemon, partOf(target), platform, [], undefined);
  if (!found) throw notFound(`no manifest for platform ${platformText(platform)} in ${target.digest}`);
  return found;
}

async function search(
  daemon: Daemon,
  part: Part,
  platform: Platform,
  above: readonly Part[],
  declared: Platform | undefined,
): Promise<Manifest | undefined> {
  const chain = [...above, part];
  if (chain.length > depthLimit) {
    throw new CtrError(Code.InvalidArgument, `${part.digest}: indexes nest too deep`);
  }
  const document = await readJson(daemon, part);
  if (Array.isArray(document.manifests)) {
    const candidates = document.manifests.filter((entry: Json) =>
      isDocument(entry.mediaType) && (!entry.platform || matches(entry.platform, platform))
    );
    for (
      const entry of candidates.sort((a: Json, b: Json) =>
        score(b.platform, platform) - score(a.platform, platform)
      )
    ) {
      const found = await search(daemon, partOf(entry), platform, chain, entry.platform);
      if (found) return found;
    }
    return undefined;
  }
  const manifest = { chain, config: partOf(document.config), layers: (document.layers ?? []).map(partOf) };
  if (declared || await configMatches(daemon, manifest.config, platform)) return manifest;
  return undefined;
}

/** A manifest that no index describes is for the platform in its config; a config not here yet may be. */
async function configMatches(daemon: Daemon, config: Part, platform: Platform): Promise<boolean> {
  try {
    const document = await readJson(daemon, config);
    return !document.os || matches(document, platform);
  } catch (error) {
    if (isError(error, Code.NotFound)) return true;
    throw error;
  }
}

/** An index may hold other things beside images: a checkpoint's does. */
const isDocument = (mediaType: unknown) => !mediaType || /\.(manifest|index)\b/.test(String(mediaType));

function matches(offered: Platform, wanted: Platform): boolean {
  return offered.os === wanted.os && offered.architecture === wanted.architecture &&
    (!wanted.variant || !offered.variant || offered.variant === wanted.variant);
}

const score = (offered: Platform | undefined, wanted: Platform) =>
  !offered ? 0 : (offered.variant ?? "") === wanted.variant ? 2 : 1;

function partOf(json: Json): Part {
  const size = typeof json?.size === "bigint"
    ? json.size
    : BigInt(Number.isSafeInteger(json?.size) ? json.size : -1);
  if (typeof json?.digest !== "string" || size < 0n) {
    throw new CtrError(
      Code.InvalidArgument,
      `not a descriptor: ${JSON.stringify(json ?? null).slice(0, 200)}`,
    );
  }
  return { mediaType: json.mediaType ?? "", digest: json.digest, size };
}

/** Bytes of an image for the host: documents and layers, as they are in the store. */
export async function sizeOf(daemon: Daemon, target: Descriptor): Promise<bigint> {
  const { chain, config, layers } = await manifestFor(daemon, target);
  return [...chain, config, ...layers].reduce((sum, part) => sum + part.size, 0n);
}

/** The platforms an image is for, as far as its documents are here, sorted. */
export async function platformsOf(daemon: Daemon, target: Descriptor): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (part: Part, depth: number): Promise<void> => {
    if (depth > depthLimit) return;
    const document = await readJson(daemon, part);
    if (!Array.isArray(document.manifests)) {
      const config = await readJson(daemon, partOf(document.config));
      found.add(
        platformText({
          os: config.os ?? "",
          architecture: config.architecture ?? "",
          variant: config.variant ?? "",
        }),
      );
      return;
    }
    for (const entry of document.manifests) {
      if (entry.platform) found.add(platformText(entry.platform));
      else await visit(partOf(entry), depth + 1).catch(unlessMissing);
    }
  };
  await visit(partOf(target), 0);
  return [...found].sort();
}

function unlessMissing(error: unknown): void {
  if (!isError(error, Code.NotFound)) throw error;
}

/** The diff IDs of an image's layers, from its config. */
export async function diffIdsOf(daemon: Daemon, manifest: Manifest): Promise<string[]> {
  return (await readJson(daemon, manifest.config)).rootfs?.diff_ids ?? [];
}

/** The name of the snapshot that holds all layers up to the last: the OCI image spec's ChainID. */
export async function chainIdOf(diffIds: readonly string[]): Promise<string> {
  let chain = diffIds[0] ?? "";
  for (const diffId of diffIds.slice(1)) {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${chain} ${diffId}`));
    chain = "sha256:" + [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return chain;
}

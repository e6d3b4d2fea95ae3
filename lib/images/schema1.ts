/**
 * Docker's first image format, as old registries still hold it: a manifest that is signed within itself, and no
 * config. Source: Docker's "Image Manifest V 2, Schema 1" and the JSON Web Signatures in it.
 */
import { createHash } from "node:crypto";
import { parseDigest } from "../content/mod.ts";
import { failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { MediaType } from "./types.ts";

/** An archive without entries, which stands for a step that changed no files. */
const emptyLayer = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";
const mostLayers = 1000;
const layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** What such a manifest says, the oldest step first. */
export interface Schema1 {
  /** Digests of the layers that have files. */
  readonly layers: readonly string[];
  readonly steps: readonly Step[];
  /** The last step's, of which the image's config is made. */
  readonly config: Record<string, unknown>;
}

interface Step {
  readonly created: unknown;
  readonly author: unknown;
  readonly comment: unknown;
  readonly createdBy: string | undefined;
  readonly empty: boolean;
}

/**
 * Reads a manifest whose digest is known: it is that of the text that was signed, without the signatures. Throws
 * FailedPrecondition for other bytes, InvalidArgument for what is no such manifest.
 */
export function parseSchema1(bytes: Uint8Array, digest: string): Schema1 {
  const found = `sha256:${createHash("sha256").update(payloadOf(bytes)).digest("hex")}`;
  if (found !== digest) throw failedPrecondition(`${digest}: the registry's bytes have the digest ${found}`);
  const { fsLayers, history } = object(bytes, digest);
  if (!Array.isArray(fsLayers) || !Array.isArray(history) || fsLayers.length !== history.length) {
    throw invalidArgument(`${digest}: a schema 1 manifest has as many layers as steps`);
  }
  if (!fsLayers.length || fsLayers.length > mostLayers) {
    throw invalidArgument(`${digest}: ${fsLayers.length} layers, from 1 to ${mostLayers} can be`);
  }
  const pairs = fsLayers.map(({ blobSum }, n) => {
    parseDigest(String(blobSum));
    const v1 = JSON.parse(String(history[n]?.v1Compatibility)) as Record<string, unknown>;
    return { blob: String(blobSum), v1, empty: v1.throwaway === true || blobSum === emptyLayer };
  });
  const config = pairs[0]!.v1;
  pairs.reverse();
  return {
    layers: pairs.filter(({ empty }) => !empty).map(({ blob }) => blob),
    steps: pairs.map(({ v1, empty }) => stepOf(v1, empty)),
    config,
  };
}

function stepOf(v1: Record<string, unknown>, empty: boolean): Step {
  const { Cmd } = (v1.container_config ?? {}) as { Cmd?: unknown };
  const createdBy = Array.isArray(Cmd) ? Cmd.join(" ") : undefined;
  return { created: v1.created, author: v1.author, comment: v1.comment, createdBy, empty };
}

/** What the signatures are of: all before them, and an end that each of them knows. Without any, all of it. */
function payloadOf(bytes: Uint8Array): Uint8Array {
  const { signatures } = object(bytes, "schema 1 manifest");
  const [first] = Array.isArray(signatures) ? signatures : [];
  if (!first) return bytes;
  try {
    const { formatLength, formatTail } = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(String(first.protected), { alphabet: "base64url" })),
    );
    if (!Number.isSafeInteger(formatLength) || formatLength < 0 || formatLength > bytes.length) {
      throw new Error(`formatLength ${formatLength}`);
    }
    const tail = Uint8Array.fromBase64(String(formatTail), { alphabet: "base64url" });
    const payload = new Uint8Array(formatLength + tail.length);
    payload.set(bytes.subarray(0, formatLength));
    payload.set(tail, formatLength);
    return payload;
  } catch (error) {
    throw invalidArgument(`the signature of a schema 1 manifest can't be read: ${messageOf(error)}`);
  }
}

function object(bytes: Uint8Array, what: string): Record<string, unknown> {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value === "object" && value !== null && value.schemaVersion === 1) return value;
  } catch {
    // Told below.
  }
  throw invalidArgument(`${what}: is no schema 1 manifest`);
}

/** Fields of the first format that are no image's. */
const dropped = new Set(["id", "parent", "parent_id", "layer_id", "throwaway", "Size"]);

/** The config of the image that it becomes; `diffIds` are those of its layers. */
export function configOfSchema1(
  { config, steps }: Schema1,
  diffIds: readonly string[],
): Uint8Array<ArrayBuffer> {
  const kept = Object.entries(config).filter(([key]) => !dropped.has(key));
  const history = steps.map(({ created, author, comment, createdBy, empty }) => ({
    created,
    author,
    created_by: createdBy,
    comment,
    empty_layer: empty || undefined,
  }));
  return encode({ ...Object.fromEntries(kept), rootfs: { type: "layers", diff_ids: diffIds }, history });
}

/** A blob's digest and length. */
interface Sized {
  readonly digest: string;
  readonly size: number;
}

/** The manifest of the image that it becomes. */
export function manifestOfSchema1(config: Sized, layers: readonly Sized[]): Uint8Array<ArrayBuffer> {
  const mediaType = MediaType.dockerManifest;
  return encode({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: MediaType.dockerConfig, size: config.size, digest: config.digest },
    layers: layers.map(({ digest, size }) => ({ mediaType: layerType, size, digest })),
  });
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

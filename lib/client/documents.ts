/** Manifests, indexes and configs that this client makes itself, on their way into a daemon. */
import { createHash } from "node:crypto";
import { childLabels, isIndexType, isManifestType, parseDocument } from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { ContentClient } from "./content.ts";

/** A JSON document whose unknown fields have to stay as they are. */
// deno-lint-ignore no-explicit-any
export type Json = Record<string, any>;

/** What a document is known by once it is stored. */
export interface Stored {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Stores a document, with the labels by which it keeps what it refers to beside those given. */
export async function storeJson(
  content: ContentClient,
  json: Json,
  mediaType: string,
  labels: Record<string, string>,
  call: CallOptions,
): Promise<Stored> {
  const bytes = new TextEncoder().encode(JSON.stringify(json));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const refers = isManifestType(mediaType) || isIndexType(mediaType);
  const children = refers ? childLabels(parseDocument(bytes, { digest, mediaType })) : {};
  const all = { ...labels, ...children };
  await content.write(`document-${digest}`, [bytes], {
    ...call,
    expected: digest,
    size: bytes.length,
    labels: all,
  });
  // One that was there before may have been stored by somebody who held its children otherwise.
  if (Object.keys(all).length > 0) await content.label(digest, all, call);
  return { mediaType, digest, size: bytes.length };
}

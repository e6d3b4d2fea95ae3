/** Blobs as files named by digest. */
export { BlobStore, type Range } from "./blobs.ts";
export { type Digest, parseDigest } from "./digest.ts";
export { Ingest } from "./ingest.ts";

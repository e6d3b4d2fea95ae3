/**
 * Makes the metadata file of a root anew from its blobs, when the old one is lost or damaged. Names, containers,
 * leases and labels that only the old file had are gone; nothing on disk is: the old file and the snapshots, whose
 * names are lost, are set aside.
 */
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { BlobStore, parseDigest } from "../content/mod.ts";
import { Database, ensureNamespace, schema } from "../metadata/mod.ts";
import { type FoundBlob, recordsFor } from "./rebuild_records.ts";

export { rebuiltHost } from "./rebuild_records.ts";

/** What a rebuild did. */
export interface Rebuilt {
  /** Blobs that have a record now. */
  readonly blobs: number;
  /** Digests of files that don't hold what they are named after: no record, and gone with the next collection. */
  readonly damaged: readonly string[];
  readonly images: readonly string[];
  /** Where the old metadata file and the snapshots are now. */
  readonly setAside: readonly string[];
}

/** How it is done. */
export interface RebuildOptions {
  /** The namespace that gets the records. */
  readonly namespace: string;
  readonly snapshotter: string;
  readonly signal?: AbortSignal;
  /** Told before each blob is read. */
  readonly onBlob?: (digest: string, n: number, of: number) => void;
}

const largestDocument = 8 << 20;

/**
 * Rebuilds the metadata of `root`, whose lock the caller holds. A crash on the way leaves the old file, or the new
 * one.
 */
export async function rebuildMetadata(root: string, options: RebuildOptions): Promise<Rebuilt> {
  const { namespace, snapshotter, signal } = options;
  const store = await BlobStore.open(`${root}/content`);
  const digests = await store.digests();
  const blobs: FoundBlob[] = [];
  const damaged: string[] = [];
  for (const [n, digest] of digests.entries()) {
    signal?.throwIfAborted();
    options.onBlob?.(digest, n + 1, digests.length);
    const blob = await verified(store, digest);
    if (blob) blobs.push(blob);
    else damaged.push(digest);
  }
  const time = Date.now();
  const { content, images } = recordsFor(blobs, { time, snapshotter });
  const file = `${root}/metadata.kv.rebuilt`;
  await removeFile(file);
  const db = await Database.make(file);
  await db.write((tx) => {
    ensureNamespace(tx, { namespace });
    for (const info of content) tx.put(schema.content, [namespace, info.digest], info);
    for (const image of images) tx.put(schema.images, [namespace, image.name], image);
  });
  await db.close();
  checkpoint(file);
  const setAside = await replace(root, file, time);
  return { blobs: blobs.length, damaged, images: images.map(({ name }) => name), setAside };
}

async function verified(store: BlobStore, digest: string): Promise<FoundBlob | undefined> {
  try {
    const { algorithm, hex } = parseDigest(digest);
    const hash = createHash(algorithm);
    const size = await store.size(digest) ?? 0;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of store.read(digest)) {
      hash.update(chunk);
      const first = pieces[0] ?? chunk;
      if (size <= largestDocument && first[0] === 0x7b) pieces.push(chunk);
    }
    if (hash.digest("hex") !== hex) return undefined;
    return { digest, size, bytes: pieces.length ? await new Blob(pieces).bytes() : undefined };
  } catch {
    // A name that is no digest, or a file that the disk no longer gives.
    return undefined;
  }
}

/** Puts all that is in the write-ahead log into the file itself, so that the file can be moved alone. */
function checkpoint(file: string): void {
  using db = new DatabaseSync(file);
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

async function replace(root: string, file: string, time: number): Promise<string[]> {
  const stamp = new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const setAside: string[] = [];
  const aside = async (path: string, to: string) => {
    try {
      await Deno.rename(path, to);
      setAside.push(to);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  // Snapshots have lost their names; a container's own files are in them, so they are not for a sweep to delete.
  for (const name of await namesIn(`${root}/snapshots`)) {
    if (!name.includes(".lost-") && (await namesIn(`${root}/snapshots/${name}`)).length) {
      await aside(`${root}/snapshots/${name}`, `${root}/snapshots/${name}.lost-${stamp}`);
    }
  }
  for (const end of ["-wal", "-shm", ""]) {
    await aside(`${root}/metadata.kv${end}`, `${root}/metadata.kv.lost-${stamp}${end}`);
  }
  await syncFile(file);
  await Deno.rename(file, `${root}/metadata.kv`);
  for (const end of ["-wal", "-shm"]) await removeFile(file + end);
  await syncFile(root);
  return setAside;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path);
  await file.sync();
}

async function removeFile(path: string): Promise<void> {
  for (const end of ["", "-wal", "-shm"]) {
    await Deno.remove(path + end).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

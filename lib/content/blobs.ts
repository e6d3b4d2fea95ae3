/**
 * Blobs on disk: `blobs/<algorithm>/<hex>`, read-only, and the ingests that become them, `ingest/<key>`.
 *
 * This room knows no namespaces, labels or leases: those are records (lib/metadata/content.ts).
 */
import { Code, CtrError, notFound, unavailable } from "../errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { Ingest, syncDirectory } from "./ingest.ts";

/** How much of a blob one read brings. Of larger ones each is fresh memory, which takes longer to fault in. */
const chunkSize = 1 << 18;

/** A part of a blob, in bytes; absent fields mean its beginning and its end. */
export interface Range {
  readonly offset?: number;
  readonly size?: number;
  /** Memory to read into, for who is done with a piece when they ask for the next; else each has its own. */
  readonly into?: Uint8Array<ArrayBuffer>;
}

export class BlobStore {
  readonly #root: string;
  /** Ingests that somebody has open: a ref has one writer at a time. */
  readonly #open = new Set<string>();

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens or makes the store in the directory `root`. */
  static async open(root: string): Promise<BlobStore> {
    for (const dir of ["blobs", "blobs/sha256", "ingest"]) {
      await Deno.mkdir(`${root}/${dir}`, { recursive: true, mode: 0o700 });
    }
    await syncDirectory(`${root}/blobs`);
    return new BlobStore(root);
  }

  /** Where a blob's file is, whether or not it is there. */
  path(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return `${this.#root}/blobs/${algorithm}/${hex}`;
  }

  /** Length of a blob in bytes; undefined if it isn't there. */
  async size(digest: string): Promise<number | undefined> {
    try {
      return (await Deno.stat(this.path(digest))).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** A blob's bytes. Throws NotFound, OutOfRange if it is shorter than the offset. */
  async *read(
    digest: string,
    { offset = 0, size, into }: Range = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    using file = await this.#openBlob(digest);
    const { size: length } = await file.stat();
    if (offset < 0 || offset > length) {
      throw new CtrError(Code.OutOfRange, `content ${digest}: offset ${offset} is past its end at ${length}`);
    }
    if (offset > 0) await file.seek(offset, Deno.SeekMode.Start);
    let left = Math.min(size || Infinity, length - offset);
    while (left > 0) {
      const chunk = into?.subarray(0, Math.min(left, into.length)) ??
        new Uint8Array(Math.min(left, chunkSize));
      const read = await file.read(chunk);
      if (read === null) {
        throw new CtrError(Code.DataLoss, `content ${digest} was cut short while it was read`);
      }
      left -= read;
      yield chunk.subarray(0, read);
    }
  }

  async #openBlob(digest: string): Promise<Deno.FsFile> {
    try {
      return await Deno.open(this.path(digest));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw notFound(`content ${digest}`);
      throw error;
    }
  }

  /** Opens the ingest `key` for writing, anew or where it stopped. Throws Unavailable if somebody has it open. */
  async ingest(key: string, ref: string): Promise<Ingest> {
    if (this.#open.has(key)) throw unavailable(`ref ${ref} locked`);
    this.#open.add(key);
    try {
      return await Ingest.open(this, `${this.#root}/ingest/${key}`, ref, () => this.#open.delete(key));
    } catch (error) {
      this.#open.delete(key);
      throw error;
    }
  }

  /** Bytes that an ingest has so far, and when it was last written to (milliseconds since the epoch). */
  async ingestStatus(key: string): Promise<{ offset: number; updatedAt: number } | undefined> {
    try {
      const { size, mtime } = await Deno.stat(`${this.#root}/ingest/${key}/data`);
      return { offset: size, updatedAt: mtime?.getTime() ?? 0 };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** Throws away an ingest. Throws Unavailable if somebody writes to it. */
  async abort(key: string, ref: string): Promise<void> {
    if (this.#open.has(key)) throw unavailable(`ref ${ref} locked`);
    this.#open.add(key);
    try {
      await removeTree(`${this.#root}/ingest/${key}`);
    } finally {
      this.#open.delete(key);
    }
  }

  async delete(digest: string): Promise<void> {
    await removeTree(this.path(digest));
  }

  /** Digests of all blobs on disk. */
  async digests(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name: algorithm } of Deno.readDir(`${this.#root}/blobs`)) {
      for await (const { name } of Deno.readDir(`${this.#root}/blobs/${algorithm}`)) {
        found.push(`${algorithm}:${name}`);
      }
    }
    return found;
  }

  /** Keys of all ingests on disk that nobody has open. */
  async idleIngests(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of Deno.readDir(`${this.#root}/ingest`)) {
      if (!this.#open.has(name)) found.push(name);
    }
    return found;
  }

  /** Makes the directory that a digest's blobs are in; most are sha256 and it is there. */
  async prepare({ algorithm }: Digest): Promise<void> {
    if (algorithm === "sha256") return;
    await Deno.mkdir(`${this.#root}/blobs/${algorithm}`, { recursive: true, mode: 0o700 });
    await syncDirectory(`${this.#root}/blobs`);
  }
}

async function removeTree(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

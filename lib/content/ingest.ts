/**
 * One blob being written: bytes are appended to `ingest/<key>/data` and hashed on the way. A commit syncs the
 * file, renames it into place and syncs the directory, in this order: a name under blobs/ never stands for half
 * a blob, whenever the power goes.
 */
import { createHash, type Hash } from "node:crypto";
import { dirname } from "node:path";
import { alreadyExists, Code, CtrError, isDiskFull, messageOf } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import type { BlobStore } from "./blobs.ts";
import { parseDigest } from "./digest.ts";

/** A blob being written. */
export class Ingest implements AsyncDisposable {
  readonly dataPath: string;
  readonly #store: BlobStore;
  readonly #dir: string;
  readonly #file: Deno.FsFile;
  readonly #release: () => void;
  #hash: Hash | undefined;
  #algorithm = "sha256";
  #offset: number;
  #closed = false;

  private constructor(store: BlobStore, dir: string, file: Deno.FsFile, offset: number, release: () => void) {
    this.#store = store;
    this.#dir = dir;
    this.dataPath = `${dir}/data`;
    this.#file = file;
    this.#offset = offset;
    this.#release = release;
  }

  /** Used by {@linkcode BlobStore.ingest}, which sees to it that nobody else has it open. */
  static async open(store: BlobStore, dir: string, ref: string, release: () => void): Promise<Ingest> {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(`${dir}/ref`, ref, { mode: 0o600 });
    const file = await Deno.open(`${dir}/data`, { read: true, write: true, create: true, mode: 0o600 });
    const { size } = await file.stat();
    return new Ingest(store, dir, file, size, release);
  }

  /** Bytes written so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Says by which algorithm the blob will be named; sha256 unless said. After a write the bytes are read again. */
  use(algorithm: string): void {
    if (algorithm !== this.#algorithm) this.#hash = undefined;
    this.#algorithm = algorithm;
  }

  /** Appends bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    const hash = this.#hash ?? await this.#rehash();
    faultPoint("content.write");
    await this.#file.seek(this.#offset, Deno.SeekMode.Start);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (cause) {
      await this.#file.truncate(this.#offset).catch(() => {});
      throw writeError(this.dataPath, cause);
    }
    hash.update(bytes);
    this.#offset += bytes.length;
  }

  /** Throws away all that was written. */
  async truncate(): Promise<void> {
    await this.#file.truncate();
    this.#hash = undefined;
    this.#offset = 0;
  }

  /** Digest of what is there so far. */
  async digest(): Promise<string> {
    const hash = this.#hash ?? await this.#rehash();
    return `${this.#algorithm}:${hash.copy().digest("hex")}`;
  }

  /**
   * Makes it the blob `digest` and closes it; digest and size are what {@linkcode digest} and {@linkcode offset}
   * tell, or what somebody who wrote {@linkcode dataPath} directly has found out: bytes aren't read again.
   * Throws AlreadyExists if the blob is there (the ingest is gone then), unless it is to `replace` it: those who
   * read the old file go on with that.
   */
  async commit(
    { digest, size, replace = false }: { digest: string; size: number; replace?: boolean },
  ): Promise<void> {
    const path = this.#store.path(digest);
    const exists = !replace && await this.#store.size(digest) !== undefined;
    if (!exists) {
      await this.#checkLength(size);
      await this.#store.prepare(parseDigest(digest));
      faultPoint("content.sync");
      await this.#file.sync();
      await Deno.chmod(this.dataPath, 0o444);
      faultPoint("content.rename");
      await Deno.rename(this.dataPath, path);
      await syncDirectory(dirname(path));
      faultPoint("content.renamed");
    }
    await this.discard();
    if (exists) throw alreadyExists(`content ${digest}`);
  }

  /** What a failed write left behind the bytes that were hashed must not become part of the blob. */
  async #checkLength(size: number): Promise<void> {
    const { size: length } = await this.#file.stat();
    if (length !== size) {
      throw new CtrError(Code.DataLoss, `${this.dataPath} has ${length} bytes, not ${size}`);
    }
  }

  /** Lets go of it; what was written stays and a later writer goes on from there. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#file.close();
      this.#release();
    }
    return Promise.resolve();
  }

  /** Closes it and throws away what was written. */
  async discard(): Promise<void> {
    await this.close();
    await Deno.remove(this.#dir, { recursive: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Hashes what an earlier writer left. */
  async #rehash(): Promise<Hash> {
    const hash = createHash(this.#algorithm);
    await this.#file.seek(0, Deno.SeekMode.Start);
    const chunk = new Uint8Array(1 << 20);
    for (let at = 0; at < this.#offset;) {
      const read = await this.#file.read(chunk.subarray(0, Math.min(chunk.length, this.#offset - at)));
      if (read === null) throw new CtrError(Code.DataLoss, `${this.dataPath} was cut short by somebody else`);
      hash.update(chunk.subarray(0, read));
      at += read;
    }
    return this.#hash = hash;
  }
}

/** A full disk is an error of its own, which callers tell apart. */
function writeError(path: string, cause: unknown): CtrError {
  const code = isDiskFull(cause) ? Code.ResourceExhausted : Code.Internal;
  return new CtrError(code, `cannot write ${path}: ${messageOf(cause)}`, { cause });
}

/** Makes names that were given in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  using dir = await Deno.open(path);
  await dir.sync();
}

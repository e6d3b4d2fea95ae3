/**
 * One blob being written: bytes are appended to `ingest/<key>/data` and hashed on the way. A commit verifies
 * size and digest, syncs the file, renames it into place and syncs the directory, in this order: a name under
 * blobs/ never stands for half a blob, whenever the power goes.
 */
import { createHash, type Hash } from "node:crypto";
import { dirname } from "node:path";
import { alreadyExists, Code, CtrError, failedPrecondition } from "../errors.ts";
import type { BlobStore } from "./blobs.ts";
import { parseDigest } from "./digest.ts";

/** What a commit demands. */
export interface Demand {
  /** Length in bytes; 0 or absent for any. */
  readonly size?: number;
  readonly expected?: string;
  /** What somebody who wrote {@linkcode Ingest.dataPath} directly has found out: it isn't read again. */
  readonly verified?: { readonly digest: string; readonly size: number };
}

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

  /** Names the algorithm by which the blob will be named; sha256 unless said. To be called before any write. */
  use(algorithm: string): void {
    if (algorithm !== this.#algorithm) this.#hash = undefined;
    this.#algorithm = algorithm;
  }

  /** Appends bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    const hash = this.#hash ?? await this.#rehash();
    await this.#file.seek(this.#offset, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
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
   * Makes it a blob and closes it. Throws FailedPrecondition if size or digest are not as demanded (the ingest
   * stays), AlreadyExists if the blob is there (the ingest is gone).
   */
  async commit({ size, expected, verified }: Demand): Promise<{ digest: string; size: number }> {
    const found = verified ?? { digest: await this.digest(), size: this.#offset };
    if (size && size !== found.size) {
      throw failedPrecondition(`unexpected commit size ${found.size}, expected ${size}`);
    }
    if (expected && expected !== found.digest) {
      throw failedPrecondition(`unexpected commit digest ${found.digest}, expected ${expected}`);
    }
    const path = this.#store.path(found.digest);
    await this.#store.prepare(parseDigest(found.digest));
    const exists = await this.#store.size(found.digest) !== undefined;
    if (!exists) {
      await this.#file.sync();
      await Deno.chmod(this.dataPath, 0o444);
      await Deno.rename(this.dataPath, path);
      await syncDirectory(dirname(path));
    }
    await this.discard();
    if (exists) throw alreadyExists(`content ${found.digest}`);
    return found;
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

async function syncDirectory(path: string): Promise<void> {
  using dir = await Deno.open(path);
  await dir.sync();
}

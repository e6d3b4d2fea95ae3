/** Files of an archive on their way into the content store: each verified, or named by what it turns out to be. */
import { Code, failedPrecondition, isError } from "../errors.ts";
import type { ContentStore, ContentWriter, LeaseStore } from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";
import { claimedDigest, type FileSink, type StoredFile } from "../image_archive/mod.ts";
import { uncompressedLabel } from "../images/mod.ts";
import type { LayerWorkers } from "./layer_workers.ts";

/** The rooms that this works with. */
export interface IngestRooms {
  readonly content: ContentStore;
  readonly leases: LeaseStore;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Puts files into the content store, in the lease of `scope`. */
export class ArchiveIngest {
  readonly #rooms: IngestRooms;
  readonly #scope: Scope;
  readonly #id = crypto.randomUUID();
  #files = 0;

  constructor(rooms: IngestRooms, scope: Scope) {
    this.#rooms = rooms;
    this.#scope = scope;
  }

  /** A sink for a file. One that is in the store already is passed over. */
  async open(path: string, size: number): Promise<FileSink> {
    const { content } = this.#rooms;
    const expected = claimedDigest(path);
    if (expected && content.has(this.#scope, expected)) {
      const known = await this.#hold(expected);
      if (known === size) return passing({ digest: expected, size });
    }
    // Of its own: what others write of the same blob may not come to its end.
    const ref = `import-${this.#id}-${this.#files++}`;
    try {
      const writer = await content.writer(this.#scope, ref, { expected, total: size });
      return this.#writing(writer, { ref, path, size, expected });
    } catch (error) {
      if (!expected || !isError(error, Code.AlreadyExists)) throw error;
      return await this.open(path, size);
    }
  }

  /** Stores a document that the archive doesn't hold as such; gives its digest. */
  async store(bytes: Bytes): Promise<string> {
    const sink = await this.open("document", bytes.length);
    try {
      await sink.write(bytes);
      return (await sink.finish()).digest;
    } catch (error) {
      await sink.abandon();
      throw error;
    }
  }

  /** Compresses a layer of the store. */
  async compress(layer: StoredFile, workers: LayerWorkers, signal: AbortSignal): Promise<StoredFile> {
    const { content } = this.#rooms;
    const ref = `import-${this.#id}-${this.#files++}`;
    await using writer = await content.writer(this.#scope, ref);
    try {
      const job = { compress: content.path(this.#scope, layer.digest), output: writer.dataPath };
      const made = await workers.compress({ ...job, compression: "gzip" }, { signal });
      const labels = { [uncompressedLabel]: made.diffId };
      await writer.commit({ verified: made, labels }).catch((error) => {
        if (!isError(error, Code.AlreadyExists)) throw error;
      });
      return { digest: made.digest, size: made.size };
    } catch (error) {
      await writer.close();
      await content.abort(this.#scope, ref).catch(() => {});
      throw error;
    }
  }

  /** Keeps a blob that is there; gives its length. */
  async #hold(digest: string): Promise<number> {
    const { content, leases } = this.#rooms;
    const { lease } = this.#scope;
    if (lease) await leases.addResource(this.#scope, lease, { type: "content", id: digest });
    return Number(content.info(this.#scope, digest).size);
  }

  #writing(
    writer: ContentWriter,
    { ref, path, size, expected }: { ref: string; path: string; size: number; expected?: string },
  ): FileSink {
    // Another namespace's copy of the same bytes does for this one: they need not be written again.
    const shared = writer.isShared;
    let written = 0;
    return {
      write: async (bytes) => {
        written += bytes.length;
        if (!shared) await writer.write(bytes);
      },
      finish: async () => {
        const digest = await writer.digest();
        try {
          const found = await writer.commit({ size: size || undefined, expected });
          return { digest: found.digest, size: written };
        } catch (error) {
          if (isError(error, Code.AlreadyExists)) return { digest: expected ?? digest, size: written };
          if (!expected || !isError(error, Code.FailedPrecondition)) throw error;
          throw failedPrecondition(`archive: the bytes of "${path}" have the digest ${digest}`);
        }
      },
      abandon: async () => {
        await writer.close();
        await this.#rooms.content.abort(this.#scope, ref).catch(() => {});
      },
    };
  }
}

/** A sink for what is there already. */
const passing = (file: StoredFile): FileSink => ({
  write: () => Promise.resolve(),
  finish: () => Promise.resolve(file),
  abandon: () => Promise.resolve(),
});

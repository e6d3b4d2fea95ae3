/** One write under way, as its namespace sees it. */
import { type Ingest, parseDigest } from "../content/mod.ts";
import { alreadyExists, Code, CtrError, failedPrecondition, isError, unavailable } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { ContentStore } from "./content.ts";
import { checkLabels, type Labels } from "./labels.ts";
import type { IngestRecord } from "./schema.ts";

/** A write under way. Closing it keeps what was written, for a later writer of the same ref. */
export class ContentWriter implements AsyncDisposable {
  readonly #store: ContentStore;
  readonly #scope: Scope;
  readonly #record: IngestRecord;
  readonly #ingest: Ingest;
  /** Length of the blob if another namespace has it: then nothing need be written. */
  #shared: number | undefined;

  constructor(store: ContentStore, scope: Scope, record: IngestRecord, ingest: Ingest, shared?: number) {
    this.#store = store;
    this.#scope = scope;
    this.#record = record;
    this.#ingest = ingest;
    this.#shared = shared;
  }

  /** The file that the bytes go to, for those who write it themselves and commit with `verified`. */
  get dataPath(): string {
    return this.#ingest.dataPath;
  }

  /** Bytes that are there. */
  get offset(): number {
    return this.#shared ?? this.#ingest.offset;
  }

  /** Whether the bytes are there already, from another namespace. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  get total(): number {
    return this.#record.total;
  }

  /** When the write was started, by whatever process. */
  get startedAt(): number {
    return this.#record.startedAt;
  }

  digest(): Promise<string> {
    return this.#shared === undefined ? this.#ingest.digest() : Promise.resolve(this.#record.expected);
  }

  /** Appends bytes. Throws OutOfRange if all of them are there already. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#shared !== undefined) {
      throw new CtrError(Code.OutOfRange, `content ${this.#record.expected} ends at ${this.#shared}`);
    }
    await this.#ingest.write(bytes);
  }

  /** Starts again from nothing, also where another namespace has the bytes. */
  async truncate(): Promise<void> {
    this.#shared = undefined;
    await this.#ingest.truncate();
  }

  /**
   * Makes it a blob of the namespace and closes it.
   * @throws FailedPrecondition if size or digest are not as demanded, AlreadyExists if the namespace has it
   */
  async commit(
    { size, expected, labels = {}, verified }: {
      size?: number;
      expected?: string;
      labels?: Labels;
      verified?: { digest: string; size: number };
    } = {},
  ): Promise<{ digest: string; size: number }> {
    checkLabels(labels, "info.Labels");
    const wanted = expected || this.#record.expected;
    if (wanted) this.#ingest.use(parseDigest(wanted).algorithm);
    const digest = verified?.digest ?? (wanted || await this.digest());
    return await this.#store.alone(digest, async () => {
      const found = verified ?? { digest: await this.digest(), size: this.offset };
      this.#check(found, { size, expected: wanted });
      if (this.#shared === undefined) await this.#keep(found);
      else await this.#share();
      if (!await this.#store.record(this.#scope, this.#record.ref, found, labels)) {
        throw alreadyExists(`content ${found.digest}`);
      }
      return found;
    });
  }

  #check(found: { digest: string; size: number }, { size, expected }: { size?: number; expected: string }) {
    if (size && size !== found.size) {
      const ref = JSON.stringify(this.#record.ref);
      throw failedPrecondition(`${ref} failed size validation: ${found.size} != ${size}`);
    }
    if (expected && expected !== found.digest) {
      throw failedPrecondition(`unexpected commit digest ${found.digest}, expected ${expected}`);
    }
  }

  async #keep(found: { digest: string; size: number }): Promise<void> {
    try {
      await this.#ingest.commit(found);
    } catch (error) {
      // Another namespace has the same bytes: they are there, and that is what was asked for.
      if (!isError(error, Code.AlreadyExists)) throw error;
    }
  }

  async #share(): Promise<void> {
    const { expected } = this.#record;
    if (await this.#store.sizeOnDisk(expected) === undefined) {
      throw unavailable(`content ${expected} was deleted by the namespace that had it: write it again`);
    }
    await this.#ingest.discard();
  }

  close(): Promise<void> {
    return this.#ingest.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

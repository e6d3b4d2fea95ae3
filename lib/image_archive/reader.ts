/**
 * An image archive on its way in: one pass over a tar, each file handed on as it comes. What an archive merely
 * claims costs no memory; what it holds is limited by the numbers here.
 */
import { cleanName, type Entry, type EntrySink, quote, TarReader } from "../archive/mod.ts";
import { Code, CtrError, failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { documentNames } from "./names.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A file of the archive that goes into the content store. */
export interface StoredFile {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Takes one file: its bytes in order, then `finish`; `abandon` if they don't all come. */
export interface FileSink {
  write(bytes: Bytes): Promise<void>;
  finish(): Promise<StoredFile>;
  abandon(): Promise<void>;
}

/** What is in an archive. Paths have no "." and no slash at either end. */
export interface ArchiveContents {
  /** The documents that say what images there are, by name: those of {@linkcode documentNames} that are there. */
  readonly documents: ReadonlyMap<string, Bytes>;
  readonly files: ReadonlyMap<string, StoredFile>;
  /** Where links within the archive lead. */
  readonly links: ReadonlyMap<string, string>;
}

const documents: ReadonlySet<string> = new Set(Object.values(documentNames));
const LARGEST_DOCUMENT = 8 << 20;
const MOST_ENTRIES = 100_000;
const LONGEST_NAME = 4096;
/** What docker's first format repeats for every layer; nothing reads it. */
const superseded = /^repositories$|^[0-9a-f]{64}\/(?:VERSION|json)$/;

/** Reads an archive to its end. `open` gives the sink for a file, by its path. */
export async function readArchive(
  source: AsyncIterable<Bytes>,
  open: (path: string, size: number) => Promise<FileSink>,
  signal?: AbortSignal,
): Promise<ArchiveContents> {
  const reading = new Reading(open);
  try {
    const steps = new Steps();
    const reader = new TarReader(steps);
    for await (const bytes of source) {
      signal?.throwIfAborted();
      push(reader, bytes, reading.isEmpty);
      await reading.take(steps.take());
    }
    signal?.throwIfAborted();
    reader.finish();
    return reading;
  } finally {
    await reading.abandon();
  }
}

/** Bytes that are no tar from the first one on are something else altogether. */
function push(reader: TarReader, bytes: Bytes, isFirst: boolean): void {
  try {
    reader.push(bytes);
  } catch (error) {
    if (!isFirst || !(error instanceof CtrError)) throw error;
    throw new CtrError(error.code, `not an image archive: ${messageOf(error)}`, { cause: error });
  }
}

type Step = { entry: Entry } | { data: Bytes } | "end";

/** What one piece of the archive holds. The data are good until the next piece. */
class Steps implements EntrySink {
  #steps: Step[] = [];

  entry(entry: Entry): void {
    this.#steps.push({ entry });
  }

  data(chunk: Bytes, start: number, end: number): void {
    this.#steps.push({ data: chunk.subarray(start, end) });
  }

  end(): void {
    this.#steps.push("end");
  }

  take(): Step[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }
}

class Reading implements ArchiveContents {
  readonly documents = new Map<string, Bytes>();
  readonly files = new Map<string, StoredFile>();
  readonly links = new Map<string, string>();
  readonly #open: (path: string, size: number) => Promise<FileSink>;
  #current: { readonly path: string; readonly sink: FileSink } | undefined;
  #entries = 0;

  constructor(open: (path: string, size: number) => Promise<FileSink>) {
    this.#open = open;
  }

  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  async take(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step === "end") await this.#end();
      else if ("entry" in step) await this.#begin(step.entry);
      else await this.#current?.sink.write(step.data);
    }
  }

  async abandon(): Promise<void> {
    const { sink } = this.#current ?? {};
    this.#current = undefined;
    await sink?.abandon();
  }

  async #begin(entry: Entry): Promise<void> {
    if (++this.#entries > MOST_ENTRIES) {
      throw failedPrecondition(`archive: more than ${MOST_ENTRIES} entries`);
    }
    if (entry.name.length > LONGEST_NAME) {
      throw invalidArgument(`archive: name ${quote(entry.name)} is too long`);
    }
    const path = cleanName(entry.name, "archive: name");
    if (entry.type === "symlink" || entry.type === "hardlink") return this.#link(path, entry);
    if (entry.type !== "file") return;
    if (entry.extents) throw invalidArgument(`archive: ${quote(path)} is sparse: pack it without holes`);
    if (superseded.test(path)) return;
    const sink = documents.has(path) ? this.#document(path, entry.size) : await this.#open(path, entry.size);
    this.#current = { path, sink };
  }

  /** A symlink is read from its own directory, a hard link from the root. One that leads out is nobody's target. */
  #link(path: string, { type, linkName }: Entry): void {
    if (linkName.length > LONGEST_NAME) return;
    const base = type === "symlink" && !linkName.startsWith("/") ? path.replace(/[^/]*$/, "") : "";
    try {
      this.links.set(path, cleanName(base + linkName));
    } catch {
      this.links.delete(path);
    }
  }

  #document(path: string, size: number): FileSink {
    if (size > LARGEST_DOCUMENT) {
      const words = `archive: ${path} has ${size} bytes, more than the ${LARGEST_DOCUMENT} that are read`;
      throw new CtrError(Code.ResourceExhausted, words);
    }
    const bytes = new Uint8Array(size);
    let filled = 0;
    return {
      write: (part) => {
        bytes.set(part, filled);
        filled += part.length;
        return Promise.resolve();
      },
      finish: () => {
        const before = this.documents.get(path);
        if (before && !isEqual(before, bytes)) throw twice(path);
        this.documents.set(path, bytes);
        return Promise.resolve({ digest: "", size });
      },
      abandon: () => Promise.resolve(),
    };
  }

  async #end(): Promise<void> {
    if (!this.#current) return;
    const { path, sink } = this.#current;
    const file = await sink.finish();
    this.#current = undefined;
    if (documents.has(path)) return;
    const before = this.files.get(path);
    if (before && before.digest !== file.digest) throw twice(path);
    this.files.set(path, file);
  }
}

const twice = (path: string) =>
  invalidArgument(`archive: ${quote(path)} is there twice, with different bytes`);

const isEqual = (one: Bytes, other: Bytes) =>
  one.length === other.length && one.every((byte, n) => byte === other[n]);

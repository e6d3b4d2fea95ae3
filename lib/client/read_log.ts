/** Reading a container's log while its shim writes and rotates it. */

/** One line, or a piece of a long one: then `log` has no newline. */
export interface LogEntry {
  readonly log: string;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339. */
  readonly time: string;
}

/** Which entries. */
export interface ReadLogOptions {
  /** Only so many of the last ones that are there. */
  readonly tail?: number;
  /** Only those from this time on. */
  readonly since?: Date;
  /** Go on with what is written from now on, until this is settled and all has been read. */
  readonly follow?: Promise<unknown>;
  readonly signal?: AbortSignal;
}

/** Milliseconds between two looks at a log that is followed. */
const interval = 50;
const chunk = 64 * 1024;

/** The entries of the log `path`, those of its rotated files first. Throws NotFound (of Deno) without the file. */
export async function* readLog(path: string, options: ReadLogOptions = {}): AsyncGenerator<LogEntry> {
  const { tail = Infinity, since, follow, signal } = options;
  const wanted = (entry: LogEntry) => !since || Date.parse(entry.time) >= since.getTime();
  let ended = !follow;
  follow?.catch(() => {}).then(() => ended = true);
  using reader = await Reader.open(path);
  const last: LogEntry[] = [];
  for (const entry of await reader.rest()) {
    if (!wanted(entry) || tail === 0) continue;
    last.push(entry);
    if (last.length > tail) last.shift();
  }
  yield* last;
  for (let quiet = 0; follow && quiet < 2;) {
    signal?.throwIfAborted();
    const entries = await reader.rest();
    yield* entries.filter(wanted);
    // What a process has written last may come a moment after its end is told.
    quiet = ended && !entries.length ? quiet + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** Reads on through the files of a log, the oldest first. */
class Reader implements Disposable {
  readonly #path: string;
  #file: Deno.FsFile;
  #decoder = new TextDecoder();
  #begun = "";

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<Reader> {
    for (;;) {
      let oldest = 0;
      // In the middle of a rotation one of the names is missing.
      while (await inode(nameOf(path, oldest + 1)) || await inode(nameOf(path, oldest + 2))) oldest++;
      const file = await openIfThere(nameOf(path, oldest));
      if (file) return new Reader(path, file);
      if (oldest === 0) return new Reader(path, await Deno.open(path));
    }
  }

  /** All that has come since the last time. */
  async rest(): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    do {
      // A file that was rotated away before this look was complete by then.
      const next = await this.#next();
      await this.#read(entries);
      if (next === undefined) return entries;
      this.#file.close();
      this.#file = next;
    } while (true);
  }

  /** The file after the one that is open, if there is one. */
  async #next(): Promise<Deno.FsFile | undefined> {
    for (;;) {
      const { ino, nlink } = await this.#file.stat();
      if (await inode(this.#path) === ino) return undefined;
      let n = 1;
      for (let found; (found = await inode(nameOf(this.#path, n))) && found !== ino;) n++;
      const next = await openIfThere(nameOf(this.#path, n - 1));
      // A rotation begins with the oldest: while ours has its place, so had the one after it. One that is gone has none.
      if (next && (nlink === 0 || await inode(nameOf(this.#path, n)) === ino)) return next;
      next?.close();
      // The new file is not there yet.
      if (!next && n === 1) return undefined;
    }
  }

  async #read(entries: LogEntry[]): Promise<void> {
    const buffer = new Uint8Array(chunk);
    for (let count; (count = await this.#file.read(buffer));) {
      const lines = (this.#begun + this.#decoder.decode(buffer.subarray(0, count), { stream: true })).split(
        "\n",
      );
      this.#begun = lines.pop()!;
      for (const line of lines) entries.push(JSON.parse(line));
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

const nameOf = (path: string, n: number) => n === 0 ? path : `${path}.${n}`;

async function inode(path: string): Promise<number | undefined> {
  return await Deno.stat(path).then(({ ino }) => ino ?? undefined, () => undefined);
}

async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

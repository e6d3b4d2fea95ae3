/**
 * Output as lines of JSON, in files that are rotated: `json-file:///path?max-size=BYTES&max-file=N`. Each line is
 * an object with `log`, `stream` and `time`, as Docker's driver of that name writes it, so that whoever reads
 * those files reads these.
 */
import { invalidArgument } from "../errors.ts";
import { type Epoll, readFd, Ready } from "../sys/mod.ts";
import type { Output } from "./output.ts";

/** A longer line is told in pieces, of which only the last ends with a newline; Docker's has the same length. */
const longestPiece = 16 * 1024;
const newline = 10;

/** What a URI says. */
export interface JsonLogPlace {
  readonly path: string;
  /** Bytes; 0 for no limit. */
  readonly maxSize: number;
  /** Files, that in use included. */
  readonly maxFiles: number;
}

/** Reads a `json-file://` URI. Throws InvalidArgument. */
export function parseJsonLog(uri: string): JsonLogPlace {
  const { pathname, searchParams } = new URL(uri);
  const number = (name: string, otherwise: number, least: number) => {
    const text = searchParams.get(name) ?? String(otherwise);
    if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
    throw invalidArgument(`log ${uri}: ${name} must be a number from ${least} on`);
  };
  const place = {
    path: decodeURIComponent(pathname),
    maxSize: number("max-size", 0, 0),
    maxFiles: number("max-file", 1, 1),
  };
  if (place.path.length < 2) throw invalidArgument(`log ${uri}: names no file`);
  return place;
}

/** The file of a process's two streams. */
class JsonLog {
  static readonly #open = new Map<string, JsonLog>();
  #users = 0;
  #file: Deno.FsFile;
  #size: number;

  private constructor(readonly place: JsonLogPlace) {
    const { path } = place;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true, mode: 0o700 });
    this.#file = append(path);
    this.#size = this.#file.statSync().size;
  }

  /** The one of a place, opened if it isn't; each who has asked closes it. */
  static of(uri: string): JsonLog {
    const place = parseJsonLog(uri);
    let log = this.#open.get(place.path);
    if (!log) this.#open.set(place.path, log = new JsonLog(place));
    log.#users++;
    return log;
  }

  close(): void {
    if (--this.#users > 0) return;
    JsonLog.#open.delete(this.place.path);
    this.#file.close();
  }

  /** A full disk loses log lines, it does not stop the container. */
  write(stream: string, text: string): void {
    const line = `${JSON.stringify({ log: text, stream, time: new Date().toISOString() })}\n`;
    const bytes = new TextEncoder().encode(line);
    try {
      const { maxSize } = this.place;
      if (maxSize && this.#size && this.#size + bytes.length > maxSize) this.#rotate();
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
      this.#size += bytes.length;
    } catch (error) {
      console.error(`log ${this.place.path}: ${(error as Error).message}`);
    }
  }

  /** `log.1` is the newest of the old ones; those beyond the limit are overwritten. */
  #rotate(): void {
    const { path, maxFiles } = this.place;
    for (let n = maxFiles - 1; n > 0; n--) {
      try {
        Deno.renameSync(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    if (maxFiles === 1) Deno.removeSync(path);
    this.#file.close();
    this.#file = append(path);
    this.#size = 0;
  }
}

const append = (path: string) => Deno.openSync(path, { append: true, create: true, mode: 0o600 });

const buffer = new Uint8Array(64 * 1024);

/** Copies one stream, from the pipe `from`, which it then owns. */
export class JsonOutput implements Output {
  readonly done: Promise<void>;
  #resolve!: () => void;
  readonly #log: JsonLog;
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end is still to come. */
  #begun = new Uint8Array();
  #closed = false;

  constructor(
    readonly epoll: Epoll,
    readonly from: number,
    uri: string,
    readonly stream: "stdout" | "stderr",
  ) {
    this.done = new Promise((resolve) => this.#resolve = resolve);
    this.#log = JsonLog.of(uri);
    this.#wait();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.epoll.close(this.from);
    if (this.#begun.length) this.#tell(this.#begun);
    this.#log.close();
    this.#resolve();
  }

  #wait(): void {
    this.epoll.arm(this.from, Ready.READ, () => this.#pump());
  }

  #pump(): void {
    if (this.#closed) return;
    const count = readFd(this.from, buffer);
    if (count === 0) return this.close();
    if (typeof count === "number") this.#take(buffer.subarray(0, count));
    this.#wait();
  }

  #take(bytes: Uint8Array): void {
    let rest = this.#begun.length ? joined(this.#begun, bytes) : bytes;
    for (let end; (end = rest.indexOf(newline)) >= 0;) {
      this.#pieces(rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
    while (rest.length >= longestPiece) {
      this.#tell(rest.subarray(0, longestPiece));
      rest = rest.subarray(longestPiece);
    }
    this.#begun = rest.slice();
  }

  #pieces(line: Uint8Array): void {
    for (let at = 0; at < line.length; at += longestPiece) this.#tell(line.subarray(at, at + longestPiece));
  }

  /** A character that a piece cuts is told with the next one. */
  #tell(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: bytes.at(-1) !== newline && !this.#closed });
    if (text) this.#log.write(this.stream, text);
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/**
 * A container's output: from its pipe to the client's FIFO, moved by the kernel (splice).
 *
 * The FIFO is held open for reading too (`anchor`), so that opening it waits for nobody and a reader may come
 * later or come back. Whether somebody else reads is found by letting go of the anchor for a moment. With no
 * reader for `PATIENCE` and the FIFO full, output is dropped until one comes: a client that vanished must
 * not stop the container for ever. At the end of the pipe the FIFO is closed as soon as a reader has it.
 */
import {
  Access,
  bytesWaiting,
  type Epoll,
  growPipe,
  hasReader,
  isFinished,
  openFd,
  Ready,
  setNonblocking,
  splice,
  writeFd,
} from "../sys/mod.ts";
import { closeDescriptor, readFd } from "../sys/mod.ts";
import { invalidArgument } from "../errors.ts";
import { JsonOutput, parseJsonLog } from "./json_log.ts";

/** Milliseconds that a full FIFO, or one at its end, waits for a reader. */
const PATIENCE = 10_000;
const RECHECK = 100;
/** Milliseconds in which a reader that is there is expected to read what is left; see whenRead() of exit.ts. */
export const TO_BE_READ = 250;
const CHUNK = 1 << 20;
/** What a pipe holds unless it is told otherwise. */
const USUAL = 1 << 16;
/** Steps until other containers get their turn. */
const TURN = 32;

/** A copy under way. */
export interface Output {
  /** Resolves when everything was passed on, or it was closed. */
  readonly done: Promise<void>;
  /** Whether a client is there that has not read all that the process has written until now. */
  readonly unread?: boolean;
  /** Gives up what is still under way. */
  close(): void;
}

/** Copies from the pipe `from` (which it then owns) to a FIFO, or to what a `file://` or `json-file://` URI names. */
export function copyOutput(
  epoll: Epoll,
  from: number,
  { target, stream }: { target: string; stream: "stdout" | "stderr" },
): Output {
  setNonblocking(from);
  if (target.startsWith("file://")) {
    return new FileOutput(epoll, from, decodeURIComponent(new URL(target).pathname));
  }
  if (target.startsWith("json-file://")) return new JsonOutput(epoll, from, target, stream);
  // containerd's shim takes a plain file by its path, too.
  return isFile(target) ? new FileOutput(epoll, from, target) : new FifoOutput(epoll, from, target);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const schemes = ["file", "json-file", "binary"];

/** Refuses targets that can't be written, before a container is made for them. */
export function checkTarget(target: string): void {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//.exec(target) ?? [];
  if (scheme && !schemes.includes(scheme)) {
    throw invalidArgument(`stdio ${target}: scheme ${scheme} is not supported`);
  }
  if (scheme === "json-file") parseJsonLog(target);
}

class FifoOutput implements Output {
  readonly done: Promise<void>;
  #resolve!: () => void;
  #to: number;
  #anchor: number;
  #timer?: ReturnType<typeof setTimeout>;
  #lonelySince?: number;
  #closed = false;
  #ended = false;
  /** The reader gets the end; only what it has left is looked at. */
  #handedOver = false;
  #grown = false;

  constructor(readonly epoll: Epoll, readonly from: number, readonly path: string) {
    this.done = new Promise((resolve) => this.#resolve = resolve);
    this.#anchor = openFd(path, Access.READ_WRITE | Access.NONBLOCK);
    this.#to = openFd(path, Access.WRITE | Access.NONBLOCK);
    this.#waitForData();
  }

  get unread(): boolean {
    if (this.#closed) return false;
    const waiting = bytesWaiting(this.#anchor) > 0 || (!this.#ended && bytesWaiting(this.from) > 0);
    return waiting && (this.#handedOver || this.#readerHere());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    if (!this.#ended) this.epoll.close(this.from);
    if (!this.#handedOver) this.epoll.close(this.#to);
    closeDescriptor(this.#anchor);
    this.#resolve();
  }

  #waitForData(): void {
    this.epoll.arm(this.from, Ready.READ, () => this.#pump());
  }

  #pump(): void {
    if (this.#closed || this.#ended) return;
    clearTimeout(this.#timer);
    for (let n = 0; n < TURN; n++) {
      const moved = splice(this.from, this.#to, CHUNK);
      if (moved === 0) return this.#end();
      if (typeof moved === "number") {
        this.#lonelySince = undefined;
        if (moved >= USUAL) this.#grow();
        continue;
      }
      if (bytesWaiting(this.from) > 0) return this.#full();
      // With a full FIFO, splice says "again" even at the end of an empty pipe.
      if (isFinished(this.from)) return this.#end();
      break;
    }
    this.#waitForData();
  }

  /** Who prints much gets more room: fewer steps for each byte. */
  #grow(): void {
    if (this.#grown) return;
    this.#grown = true;
    for (const fd of [this.from, this.#to]) growPipe(fd, CHUNK);
  }

  /** The FIFO has no room: wait for its reader, or drop output if there is none. */
  #full(): void {
    if (this.#readerHere()) this.#lonelySince = undefined;
    else if (this.#hopeless()) {
      if (drop(this.from) === 0) return this.#end();
      return this.#waitForData();
    }
    this.epoll.arm(this.#to, Ready.WRITE, () => this.#pump());
    this.#timer = setTimeout(() => this.#pump(), RECHECK * 5);
  }

  #end(): void {
    this.#ended = true;
    this.epoll.close(this.from);
    this.#lonelySince = undefined;
    this.#linger();
  }

  #linger(): void {
    if (this.#closed) return;
    if (this.#readerHere()) return this.#handOver();
    if (this.#hopeless()) return this.close();
    this.#timer = setTimeout(() => this.#linger(), RECHECK);
  }

  /** The reader's end comes when nobody can write any more. */
  #handOver(): void {
    const look = openFd(`/proc/self/fd/${this.#anchor}`, Access.READ | Access.NONBLOCK);
    closeDescriptor(this.#anchor);
    this.#anchor = look;
    this.epoll.close(this.#to);
    this.#handedOver = true;
    this.#resolve();
    const end = performance.now() + TO_BE_READ;
    const again = () => {
      if (bytesWaiting(look) === 0 || performance.now() > end) this.close();
      else this.#timer = setTimeout(again, 1);
    };
    again();
  }

  #readerHere(): boolean {
    closeDescriptor(this.#anchor);
    try {
      return hasReader(this.#to);
    } finally {
      this.#anchor = openFd(`/proc/self/fd/${this.#to}`, Access.READ_WRITE | Access.NONBLOCK);
    }
  }

  /** Whether no reader will come any more: none did for long, or the FIFO's name is gone. */
  #hopeless(): boolean {
    this.#lonelySince ??= performance.now();
    if (performance.now() - this.#lonelySince > PATIENCE) return true;
    try {
      Deno.statSync(this.path);
      return false;
    } catch {
      return true;
    }
  }
}

let bin: number | undefined;

function drop(from: number): number {
  bin ??= openFd("/dev/null", Access.WRITE);
  const moved = splice(from, bin, CHUNK);
  return typeof moved === "number" ? moved : -1;
}

const buffer = new Uint8Array(64 * 1024);

class FileOutput implements Output {
  readonly done: Promise<void>;
  #resolve!: () => void;
  readonly #to: number;
  #closed = false;

  constructor(readonly epoll: Epoll, readonly from: number, path: string) {
    this.done = new Promise((resolve) => this.#resolve = resolve);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true, mode: 0o755 });
    this.#to = openFd(path, Access.WRITE | Access.CREATE | Access.APPEND, 0o644);
    this.#wait();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.epoll.close(this.from);
    closeDescriptor(this.#to);
    this.#resolve();
  }

  #wait(): void {
    this.epoll.arm(this.from, Ready.READ, () => this.#pump());
  }

  // splice(2) refuses files opened for appending, and appending is what log rotation relies on.
  #pump(): void {
    if (this.#closed) return;
    const count = readFd(this.from, buffer);
    if (count === 0) return this.close();
    if (typeof count === "number") writeAll(this.#to, buffer.subarray(0, count));
    this.#wait();
  }
}

function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>): void {
  for (let rest = bytes; rest.length;) {
    let written;
    try {
      written = writeFd(fd, rest);
    } catch {
      return; // A full disk loses log lines, it does not stop the container.
    }
    if (typeof written === "number") rest = rest.subarray(written);
  }
}

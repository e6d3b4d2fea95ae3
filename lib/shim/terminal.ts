/**
 * A process with a terminal: runc sends the PTY's master over a socket; what the process prints and is told goes
 * between the master and the same pipes that a process without a terminal has.
 */
import {
  closeDescriptor,
  type Epoll,
  Errno,
  listenForDescriptor,
  type Pipe,
  pipe,
  readFd,
  Ready,
  receiveDescriptor,
  resizeTerminal,
  setNonblocking,
  SystemError,
  writeFd,
} from "../sys/mod.ts";

const CHUNK = 32 * 1024;
const RETRY = 20;
let count = 0;

export class Terminal implements Disposable {
  /** Where runc sends the master; short, since a socket's path has at most 107 bytes. */
  readonly socket: string;
  readonly #listener: number;
  readonly #out: Pipe = pipe();
  readonly #in: Pipe = pipe();
  #epoll?: Epoll;
  #master = -1;
  #outEnded = false;
  #closed = false;

  /** `state` is the daemon's state directory. */
  constructor(state: string) {
    this.socket = `${state}/shim/pty${++count}.sock`;
    this.#listener = listenForDescriptor(this.socket);
    for (const fd of [this.#out.write, this.#in.read]) setNonblocking(fd);
  }

  /** The pipe's end from which the process's output comes; its taker owns it. */
  get output(): number {
    return this.#out.read;
  }

  /** The pipe's end into which the process's input goes; its taker owns it. */
  get input(): number {
    return this.#in.write;
  }

  /** Takes the master, once runc has ended, and starts copying. */
  connect(epoll: Epoll): void {
    this.#epoll = epoll;
    this.#master = receiveDescriptor(this.#listener);
    setNonblocking(this.#master);
    this.#waitForOutput();
    this.#waitForInput();
  }

  resize(size: { width: number; height: number }): void {
    if (this.#master !== -1) resizeTerminal(this.#master, size);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#listener);
    Deno.removeSync(this.socket);
    const close = (fd: number) => this.#epoll ? this.#epoll.close(fd) : closeDescriptor(fd);
    close(this.#in.read);
    if (!this.#outEnded) close(this.#out.write);
    if (this.#master !== -1) close(this.#master);
  }

  #waitForOutput(): void {
    this.#epoll!.arm(this.#master, Ready.READ, () => {
      if (this.#closed) return;
      const chunk = readChunk(this.#master);
      if (chunk === "again") return this.#waitForOutput();
      if (chunk === undefined) return this.#endOutput();
      this.#pass(chunk, this.#out.write, () => this.#waitForOutput());
    });
  }

  #waitForInput(): void {
    this.#epoll!.arm(this.#in.read, Ready.READ, () => {
      if (this.#closed) return;
      const chunk = readChunk(this.#in.read);
      if (chunk === undefined) return;
      if (chunk === "again") return this.#waitForInput();
      this.#pass(chunk, this.#master, () => this.#waitForInput());
    });
  }

  /** Writes all of a chunk, however long that takes, then goes on. */
  #pass(chunk: Uint8Array<ArrayBuffer>, to: number, then: () => void): void {
    if (this.#closed) return;
    let rest = chunk;
    while (rest.length) {
      const written = attempt(() => writeFd(to, rest));
      if (written === undefined || written === "broken") return then();
      if (written === "again") {
        setTimeout(() => this.#pass(rest, to, then), RETRY);
        return;
      }
      rest = rest.subarray(written);
    }
    then();
  }

  #endOutput(): void {
    this.#outEnded = true;
    this.#epoll!.close(this.#out.write);
  }
}

/** What is there to read; undefined at the end. */
function readChunk(fd: number): Uint8Array<ArrayBuffer> | "again" | undefined {
  const buffer = new Uint8Array(CHUNK);
  const count = attempt(() => readFd(fd, buffer));
  if (count === "again") return "again";
  return typeof count === "number" && count > 0 ? buffer.subarray(0, count) : undefined;
}

/** A terminal whose other side is closed answers EIO: the end. */
function attempt<R>(call: () => R): R | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.EIO) return undefined;
    throw error;
  }
}

/**
 * A process with a terminal: runc sends the PTY's master over a socket; what the process prints and is told goes
 * between the master and the same pipes that a process without a terminal has.
 */
import {
  closeDescriptor,
  duplicate,
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

/** A terminal gives at most 4 KiB at a time. */
const CHUNK = 4 * 1024;
/** Chunks until others get their turn. */
const TURN = 32;
let count = 0;

export class Terminal implements Disposable {
  /** Where runc sends the master; short, since a socket's path has at most 107 bytes. */
  readonly socket: string;
  readonly #listener: number;
  readonly #out: Pipe = pipe();
  readonly #in: Pipe = pipe();
  #epoll?: Epoll;
  #master = -1;
  /** The master again, since one descriptor has one watch: this one waits for room. */
  #toMaster = -1;
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
    this.#toMaster = duplicate(this.#master);
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
    for (const fd of [this.#master, this.#toMaster]) if (fd !== -1) close(fd);
  }

  #waitForOutput(): void {
    this.#epoll!.arm(this.#master, Ready.READ, () => this.#pumpOutput());
  }

  #pumpOutput(): void {
    for (let n = 0; n < TURN; n++) {
      if (this.#closed) return;
      const chunk = readChunk(this.#master);
      if (chunk === "again") break;
      if (chunk === undefined) return this.#endOutput();
      if (!this.#pass(chunk, this.#out.write, () => this.#waitForOutput())) return;
    }
    this.#waitForOutput();
  }

  #waitForInput(): void {
    this.#epoll!.arm(this.#in.read, Ready.READ, () => {
      if (this.#closed) return;
      const chunk = readChunk(this.#in.read);
      if (chunk === undefined) return;
      const wait = () => this.#waitForInput();
      if (chunk === "again" || this.#pass(chunk, this.#toMaster, wait)) wait();
    });
  }

  /** Writes a chunk. False if there is no room for all of it: then it goes on when there is, and calls `then`. */
  #pass(chunk: Uint8Array<ArrayBuffer>, to: number, then: () => void): boolean {
    let rest = chunk;
    while (rest.length && !this.#closed) {
      const written = attempt(() => writeFd(to, rest));
      if (written === undefined || written === "broken") return true;
      if (written === "again") {
        this.#epoll!.arm(to, Ready.WRITE, () => {
          if (this.#pass(rest, to, then)) then();
        });
        return false;
      }
      rest = rest.subarray(written);
    }
    return true;
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

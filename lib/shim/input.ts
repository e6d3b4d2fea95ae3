/**
 * A container's input: from the client's FIFO to its pipe.
 *
 * The shim itself holds the FIFO open for writing until CloseIO, so that a client may go and another come;
 * after CloseIO the container sees the end once all writers have gone and everything was passed on.
 */
import {
  Access,
  bytesWaiting,
  type Epoll,
  growPipe,
  openFd,
  Ready,
  setNonblocking,
  splice,
} from "../sys/mod.ts";
import { closeDescriptor } from "../sys/mod.ts";

const CHUNK = 1 << 20;
/** What a pipe holds unless it is told otherwise; who is sent so much at once gets more room. */
const USUAL = 1 << 16;

export class Input {
  readonly #epoll: Epoll;
  readonly #from: number;
  readonly #to: number;
  #writer: number | undefined;
  #closed = false;
  #grown = false;

  /** Copies from the FIFO at `path` to the pipe `to`, which it then owns. */
  constructor(epoll: Epoll, path: string, to: number) {
    setNonblocking(to);
    this.#epoll = epoll;
    this.#to = to;
    this.#from = openFd(path, Access.READ | Access.NONBLOCK);
    this.#writer = openFd(path, Access.WRITE | Access.NONBLOCK);
    this.#wait();
  }

  /** No more input will come from the shim's side: the end follows when the client's writers are gone. */
  finish(): void {
    if (this.#writer === undefined) return;
    closeDescriptor(this.#writer);
    this.#writer = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.finish();
    this.#epoll.close(this.#from);
    this.#epoll.close(this.#to);
  }

  #wait(): void {
    this.#epoll.arm(this.#from, Ready.READ, () => this.#pump());
  }

  #pump(): void {
    if (this.#closed) return;
    const moved = splice(this.#from, this.#to, CHUNK);
    if (moved === 0 || moved === "broken") return this.close();
    if (!this.#grown && moved !== "again" && moved >= USUAL) this.#grown = growPipe(this.#to, CHUNK);
    if (moved === "again" && bytesWaiting(this.#from) > 0) {
      return this.#epoll.arm(this.#to, Ready.WRITE, () => this.#pump());
    }
    this.#wait();
  }
}

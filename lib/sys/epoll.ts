/**
 * Waiting for many descriptors at once: one epoll set, one thread of the pool.
 *
 * A watch fires once and is then quiet until it is armed again, so that a descriptor which stays ready
 * while its counterpart is full costs nothing.
 */
import { check, libc } from "./libc.ts";
import { closeDescriptor } from "./pipe.ts";

const c = libc({
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32", nonblocking: true },
});

/** What to wait for. Ends and errors of the other side always fire. PRIORITY: a file of a cgroup has changed. */
export const Ready = { READ: 1, PRIORITY: 2, WRITE: 4 } as const;

/** What to wait for. */
export type Ready = typeof Ready[keyof typeof Ready];

const EPOLL_CLOEXEC = 0o2000000;
const EPOLLONESHOT = 1 << 30;
const ADD = 1;
const DELETE = 2;
const MODIFY = 3;
const BATCH = 128;

// struct epoll_event is packed on x86_64 alone.
const packed = Deno.build.arch === "x86_64";
const SIZE = packed ? 12 : 16;
const DATA = packed ? 4 : 8;

/** A descriptor that is, or was, waited for. */
interface Watch {
  /** What the kernel calls it: a descriptor's number is soon another's, while news of the first is under way. */
  readonly token: number;
  fire: () => void;
}

/** The set. Its loop starts with the first watch and keeps the process alive. */
export class Epoll {
  readonly #fd = check(c.epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  /** By descriptor. */
  readonly #watches = new Map<number, Watch>();
  readonly #byToken = new Map<number, Watch>();
  #lastToken = 0;
  #running = false;

  /** Calls `fire` when `fd` is ready, once; call again for the next time. */
  arm(fd: number, ready: Ready, fire: () => void): void {
    const known = this.#watches.get(fd);
    const watch = known ?? { token: this.#lastToken = (this.#lastToken + 1) >>> 0, fire };
    const event = new Uint8Array(SIZE);
    const view = new DataView(event.buffer);
    view.setUint32(0, ready | EPOLLONESHOT, true);
    view.setUint32(DATA, watch.token, true);
    check(c.epoll_ctl(this.#fd, known ? MODIFY : ADD, fd, event), "epoll_ctl");
    watch.fire = fire;
    this.#watches.set(fd, watch);
    this.#byToken.set(watch.token, watch);
    if (!this.#running) void this.#run();
  }

  /** Forgets `fd` and closes it. Every descriptor that was ever armed must be closed by this. */
  close(fd: number): void {
    const watch = this.#watches.get(fd);
    if (watch) {
      c.epoll_ctl(this.#fd, DELETE, fd, null);
      this.#watches.delete(fd);
      this.#byToken.delete(watch.token);
    }
    closeDescriptor(fd);
  }

  async #run(): Promise<void> {
    this.#running = true;
    const events = new Uint8Array(SIZE * BATCH);
    const view = new DataView(events.buffer);
    for (;;) {
      const count = await c.epoll_wait(this.#fd, events, BATCH, -1);
      // The wait was on another thread, where errno can't be read; only a signal can have ended it.
      for (let n = 0; n < count; n++) {
        const watch = this.#byToken.get(view.getUint32(n * SIZE + DATA, true));
        try {
          watch?.fire();
        } catch (error) {
          // One stream's trouble must not end the others.
          console.error(error);
        }
      }
    }
  }
}

/**
 * Hearing of the kernel's kills for want of memory.
 *
 * Version 1 adds to an eventfd that was registered for memory.oom_control
 * (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"). Version 2 counts in memory.events, which polls
 * as urgent (POLLPRI) when it has changed since it was last read.
 */
import {
  Access,
  closeDescriptor,
  cstring,
  type Epoll,
  openCounter,
  openFd,
  readFromStart,
  Ready,
  SystemError,
  takeCount,
  writeFd,
} from "../sys/mod.ts";
import type { Cgroup } from "./locate.ts";

/** A watch; disposing it ends it, which must happen before the cgroup is removed. */
export interface OomWatch extends Disposable {
  /** Tells now what has happened but was not told yet. */
  check(): void;
}

/**
 * Calls `tell` after kills: once for those that came together. Undefined where the cgroup has no memory controller.
 * Throws a {@linkcode SystemError} if the kernel refuses.
 */
export function watchOom(cgroup: Cgroup, epoll: Epoll, tell: () => void): OomWatch | undefined {
  if (cgroup.version === 2) {
    return watchCount({ path: `${cgroup.dir}/memory.events`, name: "oom_kill" }, epoll, tell);
  }
  const dir = cgroup.dirs.get("memory");
  return dir === undefined ? undefined : new Watch(registered(dir), Ready.READ, epoll, {
    happened: (fd) => takeCount(fd) > 0 && isThere(dir),
    tell,
  });
}

/** A counter in one of a version 2 cgroup's files of events. */
export interface Counted {
  readonly path: string;
  readonly name: string;
}

/** Calls `tell` when the counter has grown. Undefined if there is no such file. */
export function watchCount({ path, name }: Counted, epoll: Epoll, tell: () => void): OomWatch | undefined {
  if (!isThere(path)) return undefined;
  const fd = openFd(path, Access.READ);
  const count = () => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFromStart(fd))?.[1] ?? 0);
  let last = count();
  const happened = () => {
    const before = last;
    last = count();
    return last > before;
  };
  return new Watch(fd, Ready.PRIORITY, epoll, { happened, tell });
}

/** An eventfd to which the kernel adds at each kill in the cgroup, and once when the cgroup is removed. */
function registered(dir: string): number {
  const counter = openCounter();
  try {
    const control = openFd(`${dir}/memory.oom_control`, Access.READ);
    const registry = openFd(`${dir}/cgroup.event_control`, Access.WRITE);
    try {
      writeFd(registry, cstring(`${counter} ${control}`));
    } finally {
      closeDescriptor(control);
      closeDescriptor(registry);
    }
    return counter;
  } catch (error) {
    closeDescriptor(counter);
    throw error;
  }
}

interface Happening {
  /** Whether it has, since it was last asked. */
  happened(fd: number): boolean;
  tell(): void;
}

class Watch implements OomWatch {
  readonly #fd: number;
  readonly #ready: Ready;
  readonly #epoll: Epoll;
  readonly #happening: Happening;
  #ended = false;

  constructor(fd: number, ready: Ready, epoll: Epoll, happening: Happening) {
    this.#fd = fd;
    this.#ready = ready;
    this.#epoll = epoll;
    this.#happening = happening;
    this.#arm();
  }

  check(): void {
    if (this.#ended) return;
    try {
      if (this.#happening.happened(this.#fd)) this.#happening.tell();
    } catch (error) {
      // ENODEV: the cgroup was removed by somebody else.
      this[Symbol.dispose]();
      if (!(error instanceof SystemError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#epoll.close(this.#fd);
  }

  #arm(): void {
    this.#epoll.arm(this.#fd, this.#ready, () => {
      this.check();
      if (!this.#ended) this.#arm();
    });
  }
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

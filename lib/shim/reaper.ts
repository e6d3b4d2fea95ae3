/**
 * The shim is the parent of everything: of runc, and of the container processes that runc leaves behind.
 * The reaper collects them as they end and tells whoever asked.
 *
 * A process may end before anybody knows its pid (runc writes the pid into a file), so while a `hold` is out,
 * exits that nobody waits for are kept.
 */
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";
import { now } from "../rpc/timestamp.ts";
import { reap } from "../sys/mod.ts";

/** The end of a process. */
export interface Ended {
  /** Exit code, or 128 and the signal's number. */
  readonly code: number;
  readonly at: Timestamp;
}

export class Reaper {
  readonly #waiting = new Map<number, (ended: Ended) => void>();
  readonly #unclaimed = new Map<number, Ended>();
  #holds = 0;

  constructor() {
    Deno.addSignalListener("SIGCHLD", () => this.#collect());
  }

  /** Keeps unclaimed exits until it is disposed of. */
  hold(): Disposable {
    this.#holds++;
    return {
      [Symbol.dispose]: () => {
        if (--this.#holds === 0) this.#unclaimed.clear();
      },
    };
  }

  /** Calls `tell` once when the child `pid` has ended; at once if it has already, under a hold. */
  watch(pid: number, tell: (ended: Ended) => void): void {
    const ended = this.#unclaimed.get(pid);
    if (!ended) {
      this.#waiting.set(pid, tell);
      return;
    }
    this.#unclaimed.delete(pid);
    tell(ended);
  }

  /** The end of a child that was just started and can't have been collected yet. */
  ended(pid: number): Promise<Ended> {
    return new Promise((resolve) => this.watch(pid, resolve));
  }

  #collect(): void {
    for (const { pid, code } of reap()) {
      const ended = { code, at: now() };
      const tell = this.#waiting.get(pid);
      if (tell) {
        this.#waiting.delete(pid);
        tell(ended);
      } else if (this.#holds > 0) {
        this.#unclaimed.set(pid, ended);
      }
    }
  }
}

/** Keeping what transfers use from the garbage collector. */
import { createHash } from "node:crypto";
import { Code, isError } from "../errors.ts";
import { expireLabel, type LeaseStore } from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";

const hour = 3_600_000;
const lifetime = 24 * hour;
/** How long a disk that was too full to delete a lease is given, in milliseconds. */
const pause = 1000;

/** A scope with a lease: its own, or one made for a transfer, which `end` deletes. */
export interface Held {
  readonly scope: Scope;
  end(): Promise<void>;
}

/**
 * The leases of a daemon's transfers. A lease is named after what is transferred: a transfer that a dead daemon
 * left half done keeps what it had until somebody asks for the same again, goes on from there and ends the lease.
 */
export class Holds {
  readonly #leases: LeaseStore;
  /** Leases in use: how many transfers share each, and when it is there. */
  readonly #shared = new Map<string, { sharers: number; ready: Promise<void> }>();
  /** Leases that could not be deleted when their transfer ended, on a full disk say. */
  readonly #left = new Map<string, { scope: Scope; id: string }>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(leases: LeaseStore) {
    this.#leases = leases;
  }

  /** Gives `scope` a lease for the transfer of `what` if it has none. */
  async hold(scope: Scope, what: string): Promise<Held> {
    if (scope.lease) return { scope, end: () => Promise.resolve() };
    const id = `transfer-${createHash("sha256").update(what).digest("hex").slice(0, 16)}`;
    const key = `${scope.namespace}/${id}`;
    await this.#deleteLeft();
    const shared = this.#shared.get(key) ?? { sharers: 0, ready: this.#ensure(scope, id) };
    this.#shared.set(key, shared);
    shared.sharers++;
    const end = async () => {
      if (--shared.sharers > 0) return;
      this.#shared.delete(key);
      // How the transfer itself went is what its caller is to learn.
      this.#left.set(key, { scope, id });
      await this.#deleteLeft();
    };
    try {
      await shared.ready;
    } catch (error) {
      if (--shared.sharers === 0) this.#shared.delete(key);
      throw error;
    }
    return { scope: { ...scope, lease: id }, end };
  }

  /** What can't be deleted now is tried again soon; should the daemon die before, it lapses after a day. */
  async #deleteLeft(): Promise<void> {
    for (const [key, { scope, id }] of this.#left) {
      this.#left.delete(key);
      if (this.#shared.has(key)) continue;
      try {
        await this.#leases.delete(scope, id);
      } catch (error) {
        if (isError(error, Code.NotFound)) continue;
        this.#left.set(key, { scope, id });
        this.#deleteLeftLater();
        return;
      }
    }
  }

  #deleteLeftLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#deleteLeft();
    }, pause);
    // A daemon that ends does not wait for it.
    Deno.unrefTimer(this.#timer);
  }

  /** Makes the lease, in place of one that is about to lapse. It lapses should no daemon live to end it. */
  async #ensure(scope: Scope, id: string): Promise<void> {
    const labels = { [expireLabel]: new Date(Date.now() + lifetime).toISOString() };
    try {
      await this.#leases.create(scope, { id, labels });
    } catch (error) {
      if (!isError(error, Code.AlreadyExists)) throw error;
      const end = Date.parse(this.#leases.get(scope, id).labels[expireLabel] ?? "");
      if (end > Date.now() + hour) return;
      await this.#leases.delete(scope, id);
      await this.#leases.create(scope, { id, labels });
    }
  }
}

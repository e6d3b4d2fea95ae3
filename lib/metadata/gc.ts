/** Garbage collection: what no image, container or lease leads to is removed, records first, then the disk. */
import type { Publisher } from "../events/mod.ts";
import { faultPoint } from "../fault.ts";
import type { Change, Database } from "./database.ts";
import { Marks } from "./gc_marks.ts";
import { idOf, type Node, nodeTables } from "./gc_nodes.ts";
import { inOrder, publishRemoval, removeNode } from "./gc_remove.ts";
import { pacer } from "./pacer.ts";
import { containers, images, leases } from "./schema.ts";

/** Removes from disk what has no record any more. */
export interface Sweeper {
  sweep(): Promise<void>;
}

/** When to collect by itself; the defaults are containerd's. Times in milliseconds. */
export interface GarbageCollectorOptions {
  readonly publisher: Publisher;
  /** Told of a run that failed and that nobody waits for. */
  readonly onError?: (error: unknown) => void;
  /** After so many changed records (100); 0 for never by this. */
  readonly mutationThreshold?: number;
  /** After so many deleted images, containers or leases; 0 (the default): any, but not before the pause is over. */
  readonly deletionThreshold?: number;
  /** The part of all time that runs may take (0.02, at most 0.5). */
  readonly pauseThreshold?: number;
  /** Wait between the cause and the run (0). */
  readonly scheduleDelay?: number;
  /** Wait between the start and the first run (100). */
  readonly startupDelay?: number;
}

const defaults = {
  onError: () => {},
  mutationThreshold: 100,
  deletionThreshold: 0,
  pauseThreshold: 0.02,
  scheduleDelay: 0,
  startupDelay: 100,
};
/** What may have held other things: without one of these gone, there is no new garbage worth a run. */
const holders = [images.name, containers.name, leases.name];
/** Records that one transaction removes. */
const chunk = 100;

/** Collects the garbage of one database. */
export class GarbageCollector {
  readonly #db: Database;
  readonly #sweepers: readonly Sweeper[];
  readonly #options: Required<GarbageCollectorOptions>;
  readonly #stop = new AbortController();
  readonly #unwatch: () => void;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: { id: ReturnType<typeof setTimeout>; at: number } | undefined;
  #removing = false;
  #mutations = 0;
  #deletions = 0;
  #runs = 0;
  #spent = 0;
  #pauseUntil = 0;

  constructor(db: Database, sweepers: readonly Sweeper[], options: GarbageCollectorOptions) {
    this.#db = db;
    this.#sweepers = sweepers;
    this.#options = { ...defaults, ...options };
    this.#unwatch = db.watch((changes) => this.#count(changes));
    this.#plan(performance.now() + this.#options.startupDelay);
  }

  /** Collects now. The run begins after this call; calls that wait for the same run share it. */
  run(): Promise<void> {
    this.#stop.signal.throwIfAborted();
    if (this.#next) return this.#next;
    if (!this.#running) return this.#begin();
    const begin = () => {
      this.#next = undefined;
      return this.#begin();
    };
    return this.#next = this.#running.then(begin, begin);
  }

  /** What a run would remove now; and what else, if the nodes `without` were gone. Changes nothing. */
  async find(without: readonly Node[] = []): Promise<Node[]> {
    const marks = new Marks(this.#db, new Set(without.map(idOf)));
    const unwatch = this.#db.watch((changes) => marks.see(changes));
    try {
      return await marks.garbage(pacer(this.#stop.signal));
    } finally {
      unwatch();
    }
  }

  /** Runs so far, and the milliseconds that they have taken together. */
  get totals(): { readonly runs: number; readonly spent: number } {
    return { runs: this.#runs, spent: this.#spent };
  }

  /** Collects soon, as the thresholds allow. */
  schedule(): void {
    const soon = performance.now() + this.#options.scheduleDelay;
    this.#plan(Math.max(soon, this.#pauseUntil));
  }

  /** Ends the run under way at its next slice, and plans no more. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#unwatch();
    clearTimeout(this.#timer?.id);
    await Promise.allSettled([this.#running, this.#next]);
  }

  #count(changes: readonly Change[]): void {
    if (this.#removing) return;
    this.#mutations += changes.length;
    this.#deletions += changes.filter(({ table, deleted }) => deleted && holders.includes(table)).length;
    const { mutationThreshold, deletionThreshold } = this.#options;
    if (deletionThreshold > 0 && this.#deletions >= deletionThreshold) {
      this.#plan(performance.now() + this.#options.scheduleDelay);
    } else if (
      deletionThreshold === 0 && this.#deletions > 0 ||
      mutationThreshold > 0 && this.#mutations >= mutationThreshold
    ) this.schedule();
  }

  #plan(at: number): void {
    if (this.#stop.signal.aborted || this.#timer && this.#timer.at <= at) return;
    clearTimeout(this.#timer?.id);
    const id = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#stop.signal.aborted) this.run().catch((error) => this.#report(error));
    }, Math.max(0, at - performance.now()));
    this.#timer = { id, at };
  }

  #report(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#options.onError(error);
  }

  #begin(): Promise<void> {
    const run = this.#collect();
    const ended = run.finally(() => {
      if (this.#running === ended) this.#running = undefined;
    });
    return this.#running = ended;
  }

  async #collect(): Promise<void> {
    this.#stop.signal.throwIfAborted();
    const start = performance.now();
    this.#mutations = this.#deletions = 0;
    clearTimeout(this.#timer?.id);
    this.#timer = undefined;
    try {
      await this.#removeRecords();
      faultPoint("gc.sweep");
      await this.#sweep();
    } finally {
      const end = performance.now();
      this.#runs++;
      this.#spent += end - start;
      const mean = this.#spent / this.#runs;
      const share = Math.min(0.5, this.#options.pauseThreshold);
      this.#pauseUntil = share > 0 ? end + mean / share - mean : end;
    }
  }

  async #removeRecords(): Promise<void> {
    const pace = pacer(this.#stop.signal);
    const marks = new Marks(this.#db);
    const unwatch = this.#db.watch((changes) => marks.see(changes));
    try {
      const garbage = await inOrder(this.#db, await marks.garbage(pace), pace);
      for (let from = 0; from < garbage.length; from += chunk) {
        for (const node of await this.#remove(marks, garbage.slice(from, from + chunk))) {
          publishRemoval(this.#options.publisher, node);
        }
        await pace();
      }
    } finally {
      unwatch();
    }
  }

  /** Removes those that nobody has come to need since; resolves with what was removed. */
  async #remove(marks: Marks, garbage: readonly Node[]): Promise<Node[]> {
    const removed = await this.#db.writeAlone((tx) => {
      marks.finish();
      const removed = garbage.filter((node) =>
        !marks.isLive(node) && tx.has<unknown>(nodeTables[node.kind], node.key)
      );
      for (const node of removed) removeNode(tx, node);
      this.#removing = true;
      return removed;
    }).finally(() => this.#removing = false);
    return removed;
  }

  async #sweep(): Promise<void> {
    const results: PromiseSettledResult<void>[] = [];
    for (const sweeper of this.#sweepers) {
      results.push(...await Promise.allSettled([sweeper.sweep()]));
      faultPoint("gc.swept");
      this.#stop.signal.throwIfAborted();
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }
}

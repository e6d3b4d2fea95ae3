/** Work that several want is done once: who comes later joins what is under way. */

interface Flight {
  readonly result: Promise<unknown>;
  readonly abort: AbortController;
  readonly watchers: Set<Watcher>;
  waiting: number;
  last?: unknown;
}

// deno-lint-ignore no-explicit-any
type Watcher = (progress: any) => void;

/** Who waits, and wants to be told. */
export interface Passenger<P> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: P) => void;
}

/** Works under way by key. */
export class Flights {
  readonly #flights = new Map<string, Flight>();

  /** Whether somebody is at work on `key`. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * The result of the work on `key`, which is started if nobody is at it. A passenger whose signal aborts leaves;
   * the work's own signal aborts when the last has left, and `join` then waits for its end.
   */
  async join<T, P = never>(
    key: string,
    work: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>,
    { signal, onProgress }: Passenger<P> = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiting++;
    const watcher: Watcher | undefined = onProgress && ((progress: P) => onProgress(progress));
    if (watcher) {
      flight.watchers.add(watcher);
      if (flight.last !== undefined) watcher(flight.last);
    }
    try {
      return await untilAborted(flight.result as Promise<T>, signal);
    } finally {
      if (watcher) flight.watchers.delete(watcher);
      if (--flight.waiting === 0) {
        // Nobody joins what is being given up.
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort(signal?.reason);
        await flight.result.catch(() => {});
      }
    }
  }

  #start<T, P>(
    key: string,
    work: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>,
  ): Flight {
    const abort = new AbortController();
    const watchers = new Set<Watcher>();
    const done = Promise.withResolvers<unknown>();
    const flight: Flight = { result: done.promise, abort, watchers, waiting: 0 };
    this.#flights.set(key, flight);
    done.promise.catch(() => {});
    const report = (progress: P) => {
      flight.last = progress;
      for (const watcher of watchers) watcher(progress);
    };
    const end = () => this.#flights.get(key) === flight && this.#flights.delete(key);
    work(abort.signal, report).finally(end).then(done.resolve, done.reject);
    return flight;
  }
}

function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

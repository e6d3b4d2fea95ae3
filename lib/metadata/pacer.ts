/** Long work on the main thread is done in slices: calls of the API come in between. */

/** Milliseconds of a slice. */
const sliceMillis = 8;

/** Gives way to others: undefined if the slice isn't over, else a promise, which rejects if `signal` is aborted. */
export type Pace = () => Promise<void> | undefined;

/** Gives way to others whenever a slice is over. */
export function pacer(signal?: AbortSignal): Pace {
  let end = performance.now() + sliceMillis;
  return () => {
    if (performance.now() < end) return undefined;
    return new Promise((resolve, reject) =>
      setTimeout(() => {
        end = performance.now() + sliceMillis;
        if (signal?.aborted) reject(signal.reason);
        else resolve();
      }, 0)
    );
  };
}

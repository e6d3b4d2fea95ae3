/** Work on many things, a few at a time. */

/** Does `work` for all items; the first failure ends the others and is thrown. */
export async function inLanes<T>(
  items: readonly T[],
  { lanes, signal }: { lanes: number; signal?: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal!.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort, { once: true });
  const lane = async () => {
    try {
      while (queue.length > 0 && !abort.signal.aborted) await work(queue.shift()!, abort.signal);
    } catch (error) {
      abort.abort(error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  signal?.removeEventListener("abort", onAbort);
  abort.signal.throwIfAborted();
}

/** Comparing two file trees, in a Worker. */
import type { Difference } from "../archive/mod.ts";
import { Code, CtrError } from "../errors.ts";

/** Two directories. */
export interface Comparison {
  readonly expected: string;
  readonly found: string;
}

/** What a Worker says of them. */
export type Compared = { readonly differences: readonly Difference[] } | { readonly failed: string };

/** The first twenty differences between two trees. Throws Internal if one of them can't be walked. */
export async function compareTrees(trees: Comparison, signal: AbortSignal): Promise<readonly Difference[]> {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./compare_worker.ts", import.meta.url), { type: "module" });
  const answer = Promise.withResolvers<Compared>();
  const abort = () => answer.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  worker.onmessage = ({ data }: MessageEvent<Compared>) => answer.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    answer.resolve({ failed: event.message });
  };
  try {
    worker.postMessage(trees);
    const result = await answer.promise;
    if ("failed" in result) throw new CtrError(Code.Internal, `compare ${trees.found}: ${result.failed}`);
    return result.differences;
  } finally {
    signal.removeEventListener("abort", abort);
    worker.terminate();
  }
}

/** What differs between the tree `found` and what is `expected`, in words; undefined if nothing does. */
export async function compareFiles(
  expected: string,
  found: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!await Deno.stat(found).then(({ isDirectory }) => isDirectory, () => false)) {
    return "its files are gone";
  }
  const [first, ...others] = await compareTrees({ expected, found }, signal);
  if (!first) return undefined;
  return `${first.path} ${first.what}${others.length ? ` (and ${others.length} more differences)` : ""}`;
}

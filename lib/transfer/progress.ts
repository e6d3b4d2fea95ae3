/** What is told of a transfer while it runs: the events of containerd's Transfer API. */
import type { Progress } from "../api/types/transfer/progress.ts";
import type { Target } from "../remotes/mod.ts";
import { refOf } from "../images/mod.ts";

export { refOf } from "../images/mod.ts";

export type Report = (progress: Progress) => void;

/** A word on a piece of content: "waiting", "downloading", "already exists", "complete", "extracting", "extracted". */
export function progressOf(event: string, target: Target, done = 0, parents: string[] = []): Progress {
  const { mediaType, digest } = target;
  const total = BigInt(target.size);
  const desc = { mediaType, digest, size: total, annotations: {} };
  return { event, name: refOf(target), parents, progress: BigInt(done), total, desc };
}

/** A word on the whole. */
export function progressText(event: string, name = ""): Progress {
  return { event, name, parents: [], progress: 0n, total: 0n, desc: undefined };
}

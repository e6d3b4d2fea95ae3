/** The pool's side of a layer that two Workers share (see shared_layer.ts): one job made two, and one outcome of both. */
import type { Job, LayerJob, LayerResult, Result, UnpackJob } from "./layer_job.ts";
import { cancelRing, makeRing } from "./ring.ts";
import { failHalf } from "./shared_layer.ts";

/** 2 MiB on the way: as much as one half does while the other is held up by the kernel for some ms. */
const RING = { slots: 8, slotSize: 1 << 18 };

/** Makes two jobs of one that has a target. */
export function shareLayer(job: LayerJob): [first: LayerJob, second: UnpackJob] {
  const ring = makeRing(RING);
  return [{ ...job, ring }, { unpack: job.target!, ring }];
}

/** Ends the other half's waiting, if there is one, for a job whose Worker can't go on. */
export function loseHalf(job: Job, error: unknown): void {
  if ("unpack" in job) failHalf(job.ring, error);
  else if ("ring" in job && job.ring) cancelRing(job.ring);
}

/** The outcome of the whole when both halves have ended. What went wrong is the first's to tell. */
export async function joinHalves(first: Promise<Result>, second: Promise<Result>): Promise<Result> {
  const [layer, files] = await Promise.allSettled([first, second]);
  if (layer.status === "rejected") throw layer.reason;
  if (files.status === "rejected") throw files.reason;
  return { ...layer.value as LayerResult, ...files.value };
}

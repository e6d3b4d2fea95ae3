/** Streams joined together: layers and images on their way in and out. */
export { applyDiff, type LayerContent } from "./apply_diff.ts";
export type { Checked, Damage } from "./check.ts";
export { CheckpointPacker } from "./checkpoints.ts";
export { type DiffContent, makeDiff } from "./make_diff.ts";
export {
  InterruptedError,
  type LayerJob,
  type LayerJobOptions,
  type LayerResult,
  LayerWorkers,
} from "./layer_workers.ts";
export type { ExportRequest } from "./export.ts";
export type { ImportRequest } from "./import.ts";
export type { PushRequest } from "./push.ts";
export { progressText } from "./progress.ts";
export { schema1Switch } from "./schema1.ts";
export { rebuildMetadata, type RebuildOptions, type Rebuilt, rebuiltHost } from "./rebuild.ts";
export type { RepairRequest, RepairStep } from "./repair.ts";
export { type PullRequest, type RegistryRequest, Transfer, type TransferOptions } from "./transfer.ts";

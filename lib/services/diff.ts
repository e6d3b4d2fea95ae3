/** containerd.services.diff.v1.Diff: layers out of the content store into directories, and the other way round. */
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import {
  applyDiff,
  type DiffContent,
  type LayerContent,
  type LayerWorkers,
  makeDiff,
} from "../transfer/mod.ts";

/** The diff service. Data are synced when the snapshot is committed. */
export function diffService(content: LayerContent & DiffContent, workers: LayerWorkers): Service {
  return service(DiffDefinition, {
    apply: async (request, context) => ({
      applied: await applyDiff(content, workers, requireNamespace(context), request, context.signal),
    }),
    diff: async (request, context) => ({
      diff: await makeDiff(content, workers, requireNamespace(context), request, context.signal),
    }),
  });
}

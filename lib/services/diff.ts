/** containerd.services.diff.v1.Diff: layers out of the content store into directories. */
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import { applyDiff, type LayerContent, type LayerWorkers } from "../transfer/mod.ts";

/** The diff service. Making layers (Diff) is Unimplemented. Data are synced when the snapshot is committed. */
export function diffService(content: LayerContent, workers: LayerWorkers): Service {
  return service(DiffDefinition, {
    apply: async (request, context) => ({
      applied: await applyDiff(content, workers, requireNamespace(context), request, context.signal),
    }),
  });
}

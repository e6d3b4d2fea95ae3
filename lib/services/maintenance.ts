/**
 * longshore.services.maintenance.v1.Maintenance, this daemon's own: what a disk has lost is found and mended,
 * what nobody needs of it is given back.
 */
import {
  type CheckResponse,
  Finding_Kind,
  MaintenanceDefinition,
  type RepairRequest,
  RepairResponse_Step,
} from "../api/services/maintenance/v1/maintenance.ts";
import type { DiskItem, DiskTotal, GarbageCollector, Housekeeping } from "../metadata/mod.ts";
import { type Credentials, registryReport } from "../remotes/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import type { Damage, RepairStep, Transfer } from "../transfer/mod.ts";

const defaultSnapshotter = "overlayfs";
const kinds: Record<Damage["kind"], Finding_Kind> = {
  blob: Finding_Kind.BLOB,
  snapshot: Finding_Kind.SNAPSHOT,
};
const steps: Record<RepairStep["step"], RepairResponse_Step> = {
  found: RepairResponse_Step.FOUND,
  fetched: RepairResponse_Step.FETCHED,
  unpacked: RepairResponse_Step.UNPACKED,
  container: RepairResponse_Step.CONTAINER,
};

/** How many things one message of a listing holds. */
const batch = 500;

/**
 * The service. What a repair put out of use is for `gc` to remove; `registryDirs` are the directories of hosts.toml
 * files.
 */
export function maintenanceService(
  transfer: Transfer,
  housekeeping: Housekeeping,
  gc: Pick<GarbageCollector, "schedule">,
  registryDirs: readonly string[],
): Service {
  return service(MaintenanceDefinition, {
    async *diskUsage(_, context) {
      const { totals, items } = await housekeeping.usage(requireNamespace(context), context.signal);
      yield { totals: totals.map(messageOf), items: [] };
      for (const some of inBatches(items)) yield { totals: [], items: some };
    },
    async *prune(request, context) {
      const items = await housekeeping.prune(requireNamespace(context), request);
      for (const some of inBatches(items)) yield { items: some };
    },
    async *check({ images, snapshotter }, context) {
      const scope = requireNamespace(context);
      for (const image of images) {
        const checked = await transfer.check(scope, image, snapshotter || defaultSnapshotter, context.signal);
        yield {
          image,
          findings: checked.damages.map(({ kind, ...damage }) => ({ kind: kinds[kind], ...damage })),
          blobs: BigInt(checked.blobs),
          layers: BigInt(checked.layers),
          skipped: [...checked.skipped],
        } satisfies CheckResponse;
      }
    },
    async *repair(request, context) {
      const scope = requireNamespace(context);
      const { image, snapshotter, plainHttp, hostDir } = request;
      const how = {
        snapshotter: snapshotter || defaultSnapshotter,
        plainHttp,
        hostsDir: hostDir || undefined,
        auth: credentialsOf(request),
      };
      try {
        for await (const { step, name, detail } of transfer.repair(scope, image, how, context.signal)) {
          yield { step: steps[step], name, detail };
        }
        yield { step: RepairResponse_Step.DONE, name: image, detail: "" };
      } finally {
        gc.schedule();
      }
    },
    registry: (request, context) => registryReport(registryDirs, request, context.signal),
  });
}

function credentialsOf({ user, password, refresh }: RepairRequest): Credentials | undefined {
  if (refresh) return { refreshToken: refresh };
  return user ? { username: user, secret: password } : undefined;
}

function messageOf({ kind, count, size, reclaimable }: DiskTotal) {
  return { kind, count: BigInt(count), size: BigInt(size), reclaimable: BigInt(reclaimable) };
}

function* inBatches(items: readonly DiskItem[]) {
  for (let at = 0; at < items.length; at += batch) {
    yield items.slice(at, at + batch).map((item) => ({ ...item, size: BigInt(item.size) }));
  }
}

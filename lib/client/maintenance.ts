/** What a disk has lost is found and mended, what nobody needs of it is given back: our daemon's own service. */
import {
  type CheckResponse,
  type DiskItem,
  type DiskTotal,
  MaintenanceDefinition,
  type RepairResponse,
} from "../api/services/maintenance/v1/maintenance.ts";
import type { Credentials } from "./transfer.ts";
import type { Services } from "./services.ts";

export {
  type CheckResponse,
  type DiskItem,
  type DiskTotal,
  type RepairResponse,
  RepairResponse_Step,
} from "../api/services/maintenance/v1/maintenance.ts";

export interface MaintenanceOptions {
  /** overlayfs unless said. */
  readonly snapshotter?: string;
  readonly signal?: AbortSignal;
}

export interface RepairOptions extends MaintenanceOptions {
  readonly credentials?: Credentials;
  /** Speak http to the registry; registries on the loopback are spoken to so anyway. */
  readonly plainHttp?: boolean;
  /** A directory of hosts.toml files. */
  readonly hostsDir?: string;
}

/** Bytes by kind, and one by one. */
export interface DiskUsage {
  readonly totals: DiskTotal[];
  readonly items: DiskItem[];
}

export interface PruneOptions {
  /** Also images that no container uses. */
  readonly all?: boolean;
  /** Only tell what would go. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** One answer an image; see `Client.checkImage`. */
export function checkImages(
  services: Services,
  images: readonly string[],
  { snapshotter = "", signal }: MaintenanceOptions = {},
): AsyncIterable<CheckResponse> {
  return services.stub(MaintenanceDefinition).check({ images: [...images], snapshotter }, { signal });
}

/** One answer a step; see `Client.repairImage`. */
export function repairImage(
  services: Services,
  image: string,
  { snapshotter = "", signal, credentials, plainHttp = false, hostsDir = "" }: RepairOptions = {},
): AsyncIterable<RepairResponse> {
  const asked = { image, snapshotter, plainHttp, hostDir: hostsDir, ...said(credentials) };
  return services.stub(MaintenanceDefinition).repair(asked, { signal });
}

/** What the namespace takes of the disk; see `Client.diskUsage`. */
export async function diskUsage(services: Services, signal?: AbortSignal): Promise<DiskUsage> {
  const totals: DiskTotal[] = [];
  const items: DiskItem[] = [];
  for await (const part of services.stub(MaintenanceDefinition).diskUsage({}, { signal })) {
    totals.push(...part.totals);
    items.push(...part.items);
  }
  return { totals, items };
}

/** Removes what nothing refers to; see `Client.prune`. */
export async function prune(
  services: Services,
  { all = false, dryRun = false, signal }: PruneOptions = {},
): Promise<DiskItem[]> {
  const parts = services.stub(MaintenanceDefinition).prune({ all, dryRun }, { signal });
  return (await Array.fromAsync(parts)).flatMap(({ items }) => items);
}

function said(credentials: Credentials | undefined): { user?: string; password?: string; refresh?: string } {
  if (!credentials) return {};
  if ("refresh" in credentials) return { refresh: credentials.refresh };
  return "header" in credentials ? {} : credentials;
}

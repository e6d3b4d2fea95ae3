/** Finding and mending what a disk has lost of images: our daemon's own service. */
import {
  type CheckResponse,
  MaintenanceDefinition,
  type RepairResponse,
} from "../api/services/maintenance/v1/maintenance.ts";
import type { Credentials } from "./pull.ts";
import type { Services } from "./services.ts";

export {
  type CheckResponse,
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

function said(credentials: Credentials | undefined): { user?: string; password?: string; refresh?: string } {
  if (!credentials) return {};
  return "refresh" in credentials ? { refresh: credentials.refresh } : credentials;
}

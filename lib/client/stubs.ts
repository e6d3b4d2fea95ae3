/** Each service of the daemon by its name, for what the rest of the library has no words for. */
import { ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { ContentDefinition } from "../api/services/content/v1/content.ts";
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { EventsDefinition } from "../api/services/events/v1/events.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import { LeasesDefinition } from "../api/services/leases/v1/leases.ts";
import { MaintenanceDefinition } from "../api/services/maintenance/v1/maintenance.ts";
import { MountsDefinition } from "../api/services/mounts/v1/mounts.ts";
import { NamespacesDefinition } from "../api/services/namespaces/v1/namespace.ts";
import { StoreDefinition } from "../api/services/sandbox/v1/sandbox.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { StreamingDefinition } from "../api/services/streaming/v1/streaming.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { TransferDefinition } from "../api/services/transfer/v1/transfer.ts";
import { VersionDefinition } from "../api/services/version/v1/version.ts";
import type { Stub } from "../rpc/service.ts";
import type { Services } from "./services.ts";

const definitions = {
  containers: ContainersDefinition,
  content: ContentDefinition,
  diff: DiffDefinition,
  events: EventsDefinition,
  images: ImagesDefinition,
  introspection: IntrospectionDefinition,
  leases: LeasesDefinition,
  maintenance: MaintenanceDefinition,
  mounts: MountsDefinition,
  namespaces: NamespacesDefinition,
  sandboxes: StoreDefinition,
  snapshots: SnapshotsDefinition,
  streaming: StreamingDefinition,
  tasks: TasksDefinition,
  transfer: TransferDefinition,
  version: VersionDefinition,
} as const;

/** The daemon's services, each made when it is first asked for. */
export type Stubs = { readonly [Name in keyof typeof definitions]: Stub<typeof definitions[Name]> };

/** The services that `services` reaches. */
export function stubsOf(services: Services): Stubs {
  const stubs = {} as Stubs;
  for (const [name, definition] of Object.entries(definitions)) {
    const get = () => {
      const value = services.stub(definition);
      Object.defineProperty(stubs, name, { value });
      return value;
    };
    Object.defineProperty(stubs, name, { get, configurable: true, enumerable: true });
  }
  return stubs;
}

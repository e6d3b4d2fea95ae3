/** The client library: what `mod.ts` exports. */
export type { CheckpointOptions, TaskCheckpointOptions } from "./checkpoint.ts";
export { Client, type ClientOptions } from "./client.ts";
export type { TaskMetrics, Usage } from "./metrics.ts";
export { usageOf } from "./metrics.ts";
export type { CommitOptions } from "./commit.ts";
export type { ConvertOptions } from "./convert.ts";
export type { DiffOptions } from "./diff.ts";
export type { ExportOptions } from "./export.ts";
export type { MountOptions } from "./image_mounts.ts";
export type { LayerCompression } from "./media_types.ts";
export { defaultAddress, dial } from "./connect.ts";
export { Container, type ContainerOptions } from "./container.ts";
export { ContentClient, type WriteOptions } from "./content.ts";
export { Image } from "./image.ts";
export {
  Captured,
  inheritIo,
  type Io,
  logIo,
  noIo,
  type OpenIo,
  pipedIo,
  type Pipes,
  type Streams,
} from "./io.ts";
export type { ImportOptions } from "./import.ts";
export { Lease, type LeaseOptions } from "./lease.ts";
export {
  type CheckResponse,
  type DiskItem,
  type DiskTotal,
  type DiskUsage,
  type MaintenanceOptions,
  type PruneOptions,
  type RepairOptions,
  type RepairResponse,
  RepairResponse_Step as RepairStep,
} from "./maintenance.ts";
export { type Attached, attachNetwork, detachNetwork, type NetworkWishes, networkWishes } from "./network.ts";
export { dockerCredentials, type DockerCredentialsOptions } from "./docker_credentials.ts";
export type { Credentials, CredentialsSource, PullOptions, TransferLog } from "./pull.ts";
export type { PushOptions } from "./push.ts";
export type { Restored, RestoreOptions } from "./restore.ts";
export type { Signal } from "./signals.ts";
export type { Stubs } from "./stubs.ts";
export { type ExecOptions, type Exit, Process, type ProcessState, Task } from "./task.ts";

/** The metadata room: what the daemon knows, by namespace, in one file. */
export { ContainerStore } from "./containers.ts";
export { type Change, Database, type Key, type Reader, type Table, type Transaction } from "./database.ts";
export { labelsField, mapField, textField } from "./fields.ts";
export { checkIdentifier } from "../events/mod.ts";
export { checkScope, digestFault } from "./identifiers.ts";
export { GarbageCollector, type GarbageCollectorOptions, type Sweeper } from "./gc.ts";
export { ImageStore } from "./images.ts";
export { checkLabels, keptLabels, type Labels, updateLabels } from "./labels.ts";
export { expireLabel, holdByLease, LeaseStore, releaseFromLease } from "./leases.ts";
export { ensureNamespace, NamespaceStore } from "./namespaces.ts";
export { type DiskItem, type DiskTotal, Housekeeping } from "./housekeeping.ts";
export { Numbers } from "./numbers.ts";
export { SandboxStore } from "./sandboxes.ts";
export { damageOf } from "./damage.ts";
export * as schema from "./schema.ts";
export { type Announcement, ContentStore, type SharingPolicy } from "./content.ts";
export { ContentWriter } from "./content_writer.ts";
export { SnapshotStore, type Staged } from "./snapshots.ts";

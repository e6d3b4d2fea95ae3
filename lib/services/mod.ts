/** The API's services, each tied to the room that does its work. */
export { containersService } from "./containers.ts";
export { contentService } from "./content.ts";
export { diffService } from "./diff.ts";
export { eventsService } from "./events.ts";
export { healthService } from "./health.ts";
export { imagesService } from "./images.ts";
export { type Identity, introspectionService } from "./introspection.ts";
export { leasesService } from "./leases.ts";
export { maintenanceService } from "./maintenance.ts";
export { mountsService } from "./mounts.ts";
export { namespacesService } from "./namespaces.ts";
export { sandboxStoreService } from "./sandbox_store.ts";
export { snapshotsService } from "./snapshots.ts";
export { streamingService, Streams } from "./streaming.ts";
export { tasksService } from "./tasks.ts";
export { transferService } from "./transfer.ts";
export { ttrpcEventsService } from "./ttrpc_events.ts";
export { versionService } from "./version.ts";

/** The rooms that a pull needs, in a directory of their own. */
import { BlobStore } from "../../../lib/content/mod.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import {
  ContentStore,
  Database,
  GarbageCollector,
  ImageStore,
  LeaseStore,
  NamespaceStore,
  SnapshotStore,
} from "../../../lib/metadata/mod.ts";
import { openOverlay } from "../../../lib/snapshots/mod.ts";
import { LayerWorkers, Transfer } from "../../../lib/transfer/mod.ts";
import { Scratch } from "../../harness/mod.ts";

export const scope = { namespace: "default" };

export type Rooms = Awaited<ReturnType<typeof openRooms>>;

/** Opens them on tmpfs. */
export async function openRooms() {
  const scratch = await Scratch.make("shm");
  const events = createExchange();
  const db = await Database.open(scratch.join("metadata.kv"));
  const content = new ContentStore(db, await BlobStore.open(scratch.join("content")), events);
  const overlay = await openOverlay(scratch.join("overlayfs"));
  const snapshots = new SnapshotStore(db, [overlay], events);
  const leases = new LeaseStore(db);
  const images = new ImageStore(db, events);
  const namespaces = new NamespaceStore(db, events);
  const workers = new LayerWorkers();
  // Collections are run by tests alone: the one after a start would take what nothing refers to.
  const gc = new GarbageCollector(db, [content, snapshots], { publisher: events, startupDelay: 3_600_000 });
  const rooms = { content, snapshots, leases, images, workers };
  const transfer = new Transfer(rooms);
  return {
    ...rooms,
    namespaces,
    db,
    gc,
    scratch,
    transfer,
    async [Symbol.asyncDispose]() {
      transfer[Symbol.dispose]();
      await workers.close();
      await gc.close();
      await overlay[Symbol.asyncDispose]();
      await db.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** Fails unless nothing is left of a pull that failed. */
export function remains({ content, snapshots, images, leases }: Rooms) {
  return {
    images: images.list(scope).map(({ name }) => name),
    snapshots: snapshots.list(scope, "overlayfs").map(({ name }) => name),
    leases: leases.list(scope).map(({ id }) => id),
    blobs: content.list(scope).map(({ digest }) => digest),
  };
}

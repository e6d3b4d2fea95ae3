/** Removes directories of snapshots that no record tells of: what a crash, a collection or a repair has left. */
import type { Snapshotter } from "../snapshots/mod.ts";
import type { Change, Database } from "./database.ts";
import { layersInUse } from "./layers_in_use.ts";
import { pacer } from "./pacer.ts";
import { snapshots } from "./schema.ts";

/** Directories that are removed side by side. */
const batch = 50;

/** A directory's name among all snapshotters. */
export const placeOf = (snapshotter: string, id: string) => `${snapshotter}/${id}`;

/**
 * Sweeps one snapshotter, and waits until the space is free. `pending` tells which directories are about to get a
 * record. Throws the first failure, when all is done that can be.
 */
export async function sweepLayers(
  db: Database,
  driver: Snapshotter,
  pending: () => ReadonlySet<string>,
): Promise<void> {
  const orphans = await orphansOf(db, driver, pending);
  const failures: unknown[] = [];
  for (let at = 0; at < orphans.length; at += batch) {
    // Asked each time: a container may start on files that were replaced while others are removed.
    const isInUse = driver.layerPath ? await layersInUse() : () => false;
    const free = orphans.slice(at, at + batch).filter((id) => !isInUse(driver.layerPath?.(id) ?? ""));
    // One that can't be removed, since somebody mounted something on it, keeps no other.
    const results = await Promise.allSettled(free.map((id) => driver.remove(id)));
    failures.push(...results.flatMap((result) => result.status === "rejected" ? [result.reason] : []));
  }
  await driver.removed();
  if (failures.length) throw failures[0];
}

/** A directory on disk has a record, is about to get one, gets one while this looks, or is an orphan. */
async function orphansOf(
  db: Database,
  driver: Snapshotter,
  pending: () => ReadonlySet<string>,
): Promise<string[]> {
  const kept = new Set<string>();
  const keep = (key: Change["key"]) => {
    const record = key[1] === driver.name ? db.get(snapshots, key) : undefined;
    if (record) kept.add(placeOf(driver.name, record.id));
  };
  const unwatch = db.watch((changes) => {
    for (const { table, key } of changes) if (table === snapshots.name) keep(key);
  });
  try {
    const ids = await driver.ids();
    for (const place of pending()) kept.add(place);
    const pace = pacer();
    for (const key of db.scan(snapshots)) {
      keep(key);
      await pace();
    }
    return ids.filter((id) => !kept.has(placeOf(driver.name, id)));
  } finally {
    unwatch();
  }
}

/**
 * What a snapshotter does: keeps file trees on disk, each a change on top of a chain of others.
 *
 * A snapshotter knows directories only. Names, namespaces, labels and parentage are records in the metadata
 * room, which gives each snapshot a number of its own (`id`) that is never used twice. The life of one:
 *
 * 1. `create(id, parents)` makes an empty change on top of `parents` (nearest first). Its record follows
 *    after; a directory without a record is a crash's left-over, found by `ids()` and removed.
 * 2. `mounts(...)` tells how to mount it: writable while active, read-only as a view.
 * 3. `commit(id)` makes its data durable; from then on it may be a parent. Its record follows after.
 * 4. `remove(id)`, after the record has gone.
 *
 * Every implementation passes the suite in tests/ that is shared by all.
 */
import type { Mount } from "../api/types/mount.ts";
import type { IdMappings } from "../id_mappings.ts";

/** Disk use of one snapshot, without what it shares with its parents. */
export interface Usage {
  /** Bytes in allocated blocks. */
  readonly size: number;
  readonly inodes: number;
}

export type Kind = "view" | "active" | "committed";

export interface Snapshotter extends AsyncDisposable {
  readonly name: string;
  /**
   * Makes the disk side of an active snapshot or a view. With `mappings` its parents' files have other owners in it;
   * InvalidArgument if an owner that has to be changed on disk has no id there.
   */
  create(
    id: string,
    parents: readonly string[],
    kind: "active" | "view",
    mappings?: IdMappings,
  ): Promise<void>;
  /** How to mount it, with the mappings that it was made with. Calling this changes nothing. */
  mounts(id: string, parents: readonly string[], kind: "active" | "view", mappings?: IdMappings): Mount[];
  /** Syncs an active snapshot's data (unless `sync` is false) so that it may become a parent. */
  commit(id: string, options?: { sync?: boolean }): Promise<void>;
  /** Takes it away; its space may come free later. Nothing there is fine. */
  remove(id: string): Promise<void>;
  /** Waits until the space of all that was removed before this call is free. */
  removed(): Promise<void>;
  usage(id: string, parents: readonly string[]): Promise<Usage>;
  /** Every id that has something on disk. */
  ids(): Promise<string[]>;
  /**
   * The directory in which a layer's tar may be written without mounting anything and before its parents
   * are there (whiteouts in overlayfs's own form); undefined where a layer needs its parents first.
   */
  layerPath?(id: string): string;
}

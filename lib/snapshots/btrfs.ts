/**
 * The btrfs snapshotter: a snapshot is a subvolume `<root>/<id>`, made as a snapshot of its parent's. Blocks are
 * shared by the file system, so that nothing is copied; mounts name the subvolume by its number.
 */
import type { Mount } from "../api/types/mount.ts";
import { failedPrecondition } from "../errors.ts";
import type { IdMappings } from "../id_mappings.ts";
import {
  createSubvolume,
  isBtrfs,
  setSubvolumeAccess,
  snapshotSubvolume,
  subvolumeId,
  syncFilesystem,
} from "../sys/mod.ts";
import { mountOf } from "./mount_table.ts";
import { remapTree } from "./remap_tree.ts";
import type { Snapshotter, Usage } from "./snapshotter.ts";
import { exists, SubvolumeRemovals } from "./subvolumes.ts";
import { changedUsage, diskUsage } from "./usage.ts";

/** Opens or makes a btrfs snapshotter in the directory `root`. Throws FailedPrecondition off btrfs. */
export async function openBtrfs(root: string): Promise<Snapshotter> {
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const { type, source } = await mountOf(root);
  if (!isBtrfs(root)) {
    throw failedPrecondition(
      `path ${root} (${type}) must be a btrfs filesystem to be used with the btrfs snapshotter`,
    );
  }
  return new Btrfs(root, source);
}

class Btrfs implements Snapshotter {
  readonly name = "btrfs";
  readonly #root: string;
  readonly #device: string;
  readonly #removals: SubvolumeRemovals;

  constructor(root: string, device: string) {
    this.#root = root;
    this.#device = device;
    this.#removals = new SubvolumeRemovals(root);
  }

  #path(id: string): string {
    return `${this.#root}/${id}`;
  }

  /**
   * A view shows its parent itself: it has a subvolume of its own only without one, or for other owners. What becomes a parent is
   * frozen first, whoever may have it mounted still; not when it is committed, since the record that says so
   * comes later, and may never come.
   */
  async create(
    id: string,
    parents: readonly string[],
    kind: "active" | "view",
    mappings?: IdMappings,
  ): Promise<void> {
    // Numbers are given once: what is there already was left by somebody whose records are lost.
    await this.remove(id);
    const [parent] = parents;
    if (parent !== undefined) await setSubvolumeAccess(this.#path(parent), "ro");
    if (parent === undefined) await createSubvolume(this.#root, id);
    else if (kind === "active" || mappings) await snapshotSubvolume(this.#path(parent), this.#root, id);
    if (mappings) await remapTree(this.#path(id), mappings);
  }

  mounts(id: string, parents: readonly string[], kind: "active" | "view", mappings?: IdMappings): Mount[] {
    const shown = this.#path(kind === "view" && !mappings ? parents[0] ?? id : id);
    const options = [`subvolid=${subvolumeId(shown)}`, ...(kind === "view" ? ["ro"] : [])];
    return [{ type: "btrfs", source: this.#device, target: "", options }];
  }

  async commit(_id: string, { sync = true }: { sync?: boolean } = {}): Promise<void> {
    if (sync) await syncFilesystem(this.#root);
  }

  async remove(id: string): Promise<void> {
    if (await exists(this.#path(id))) await this.#removals.remove(id);
  }

  removed(): Promise<void> {
    return this.#removals.finished();
  }

  /** What differs from its parent. */
  usage(id: string, parents: readonly string[]): Promise<Usage> {
    const [parent] = parents;
    return parent === undefined
      ? diskUsage(this.#path(id))
      : changedUsage(this.#path(id), this.#path(parent));
  }

  async ids(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.#root))).map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

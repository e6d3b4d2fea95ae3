/**
 * The native snapshotter: a snapshot is a whole copy of its parent's tree, in `<root>/<id>`. It works on every
 * file system, and costs what copies cost: nothing but names and attributes where blocks can be shared (btrfs,
 * xfs), the whole size everywhere else.
 */
import type { Mount } from "../api/types/mount.ts";
import type { IdMappings } from "../id_mappings.ts";
import { syncFilesystem } from "../sys/mod.ts";
import { copyTree } from "./copy_tree.ts";
import { remapTree } from "./remap_tree.ts";
import { Removals } from "./removals.ts";
import type { Snapshotter, Usage } from "./snapshotter.ts";
import { diskUsage } from "./usage.ts";

/** Opens or makes a native snapshotter in the directory `root`. */
export async function openNative(root: string): Promise<Snapshotter> {
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  return new Native(root, await Removals.in(root));
}

class Native implements Snapshotter {
  readonly name = "native";
  readonly #root: string;
  readonly #removals: Removals;

  constructor(root: string, removals: Removals) {
    this.#root = root;
    this.#removals = removals;
  }

  #path(id: string): string {
    return `${this.#root}/${id}`;
  }

  /** A view shows its parent itself: it has a directory of its own only without one, or for other owners. */
  async create(
    id: string,
    parents: readonly string[],
    kind: "active" | "view",
    mappings?: IdMappings,
  ): Promise<void> {
    // Numbers are given once: what is there already was left by somebody whose records are lost.
    await this.remove(id);
    if (kind === "view" && parents.length && !mappings) return;
    await Deno.mkdir(this.#path(id), { mode: 0o700 });
    if (parents.length) await copyTree(this.#path(parents[0]!), this.#path(id));
    else await Deno.chmod(this.#path(id), 0o755);
    if (mappings) await remapTree(this.#path(id), mappings);
  }

  mounts(id: string, parents: readonly string[], kind: "active" | "view", mappings?: IdMappings): Mount[] {
    const shown = kind === "view" && !mappings ? parents[0] ?? id : id;
    const options = ["rbind", kind === "view" ? "ro" : "rw"];
    return [{ type: "bind", source: this.#path(shown), target: "", options }];
  }

  async commit(_id: string, { sync = true }: { sync?: boolean } = {}): Promise<void> {
    if (sync) await syncFilesystem(this.#root);
  }

  remove(id: string): Promise<void> {
    return this.#removals.remove(id);
  }

  removed(): Promise<void> {
    return this.#removals.finished();
  }

  /** What the whole copy takes: its parent's files are its own. */
  usage(id: string): Promise<Usage> {
    return diskUsage(this.#path(id));
  }

  ids(): Promise<string[]> {
    return this.#removals.others();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removals.finished();
  }
}

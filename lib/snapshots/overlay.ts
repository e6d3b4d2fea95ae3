/**
 * The overlay snapshotter: a snapshot is a directory `fs` over those of its parents, mounted with overlayfs.
 *
 * `<root>/<id>/fs` holds the changes, `<root>/<id>/work` is overlayfs's own.
 */
import type { Mount } from "../api/types/mount.ts";
import { syncFilesystem } from "../sys/mod.ts";
import { overlayOptions } from "./overlay_options.ts";
import { Removals } from "./removals.ts";
import type { Snapshotter, Usage } from "./snapshotter.ts";
import { diskUsage } from "./usage.ts";

/** How overlays are made. */
export interface OverlayOptions {
  /** Options of each mount, beside those that the kernel needs. */
  readonly mountOptions?: readonly string[];
}

/** Opens or makes an overlay snapshotter in the directory `root`. Throws FailedPrecondition where none can be. */
export async function openOverlay(
  root: string,
  { mountOptions = [] }: OverlayOptions = {},
): Promise<Snapshotter> {
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const options = await overlayOptions(root, mountOptions);
  return new Overlay(root, options, await Removals.in(root));
}

class Overlay implements Snapshotter {
  readonly name = "overlayfs";
  readonly layerPath?: (id: string) => string;
  readonly #root: string;
  readonly #options: string[];
  readonly #removals: Removals;

  constructor(root: string, options: string[], removals: Removals) {
    this.#root = root;
    this.#options = options;
    this.#removals = removals;
    // A layer's opaque directories are written as the system's attributes, which then nobody would read.
    if (!options.includes("userxattr")) this.layerPath = (id) => this.#changes(id);
  }

  #changes(id: string): string {
    return `${this.#root}/${id}/fs`;
  }

  async create(id: string, parents: readonly string[], kind: "active" | "view"): Promise<void> {
    const dir = `${this.#root}/${id}`;
    // Numbers are given once: what is there already was left by somebody whose records are lost.
    await this.remove(id);
    await Deno.mkdir(dir, { mode: 0o700 });
    await Deno.mkdir(`${dir}/fs`, { mode: 0o755 });
    if (kind === "active") await Deno.mkdir(`${dir}/work`, { mode: 0o711 });
    if (parents.length) await this.#adopt(id, parents[0]!);
    else await Deno.chmod(`${dir}/fs`, 0o755);
  }

  /** The root directory of the mounted tree is the upper one: it must look like the one below. */
  async #adopt(id: string, parent: string): Promise<void> {
    const { mode, uid, gid } = await Deno.stat(this.#changes(parent));
    await Deno.chown(this.#changes(id), uid, gid);
    await Deno.chmod(this.#changes(id), mode! & 0o7777);
  }

  mounts(id: string, parents: readonly string[], kind: "active" | "view"): Mount[] {
    const lower = parents.map((parent) => this.#changes(parent));
    if (lower.length === 0) return [bind(this.#changes(id), kind === "view" ? "ro" : "rw")];
    if (kind === "view" && lower.length === 1) return [bind(lower[0]!, "ro")];
    const own = kind === "active"
      ? [`workdir=${this.#root}/${id}/work`, `upperdir=${this.#changes(id)}`]
      : [];
    const options = [...this.#options, ...own, `lowerdir=${lower.join(":")}`];
    return [{ type: "overlay", source: "overlay", target: "", options }];
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

  usage(id: string): Promise<Usage> {
    return diskUsage(this.#changes(id));
  }

  ids(): Promise<string[]> {
    return this.#removals.others();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removals.finished();
  }
}

function bind(source: string, mode: "ro" | "rw"): Mount {
  return { type: "bind", source, target: "", options: [mode, "rbind"] };
}

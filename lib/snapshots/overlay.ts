/**
 * The overlay snapshotter: a snapshot is a directory `fs` over those of its parents, mounted with overlayfs.
 *
 * `<root>/<id>/fs` holds the changes, `<root>/<id>/work` is overlayfs's own.
 */
import type { Mount } from "../api/types/mount.ts";
import { failedPrecondition } from "../errors.ts";
import { type IdMappings, idMappingsText, toHost } from "../id_mappings.ts";
import { syncFilesystem, withTempMount } from "../sys/mod.ts";
import { canMapOwners } from "./mapped_overlay.ts";
import { overlayOptions } from "./overlay_options.ts";
import { remapTree } from "./remap_tree.ts";
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

/** A file beside `fs` of a snapshot whose files were copied for other owners: its mounts map nothing. */
const COPIED = "copied";

class Overlay implements Snapshotter {
  readonly name = "overlayfs";
  readonly layerPath?: (id: string) => string;
  readonly #root: string;
  readonly #options: string[];
  readonly #removals: Removals;
  #mapped?: Promise<boolean>;

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

  async create(
    id: string,
    parents: readonly string[],
    kind: "active" | "view",
    mappings?: IdMappings,
  ): Promise<void> {
    const dir = `${this.#root}/${id}`;
    // Numbers are given once: what is there already was left by somebody whose records are lost.
    await this.remove(id);
    await Deno.mkdir(dir, { mode: 0o700 });
    await Deno.mkdir(`${dir}/fs`, { mode: 0o755 });
    if (kind === "active") await Deno.mkdir(`${dir}/work`, { mode: 0o711 });
    if (parents.length) await this.#adopt(id, parents[0]!);
    else await Deno.chmod(`${dir}/fs`, 0o755);
    if (!mappings) return;
    if (parents.length && !await this.#canMap()) await this.#remap(id, parents, mappings);
    else await this.#give(id, mappings);
  }

  /** Where the kernel can't show other owners, the files are copied for them. */
  async #remap(id: string, parents: readonly string[], mappings: IdMappings): Promise<void> {
    const dir = `${this.#root}/${id}`;
    await Deno.mkdir(`${dir}/work`, { recursive: true, mode: 0o711 });
    await withTempMount(this.mounts(id, parents, "active"), (root) => remapTree(root, mappings));
    await Deno.writeTextFile(`${dir}/${COPIED}`, "");
  }

  /** Asked once, by the first who wants it: finding out takes a few mounts. */
  #canMap(): Promise<boolean> {
    return this.#mapped ??= canMapOwners(this.#root);
  }

  /** The root directory to whom its parents' roots are shown as belonging. */
  async #give(id: string, mappings: IdMappings): Promise<void> {
    const { uid, gid } = await Deno.stat(this.#changes(id));
    const owner = [toHost(mappings.uids, uid!), toHost(mappings.gids, gid!)];
    if (owner.includes(undefined)) {
      throw failedPrecondition(`/ belongs to ${uid}:${gid}, which the id mappings leave out`);
    }
    await Deno.chown(this.#changes(id), owner[0]!, owner[1]!);
  }

  /** The root directory of the mounted tree is the upper one: it must look like the one below. */
  async #adopt(id: string, parent: string): Promise<void> {
    const { mode, uid, gid } = await Deno.stat(this.#changes(parent));
    await Deno.chown(this.#changes(id), uid, gid);
    await Deno.chmod(this.#changes(id), mode! & 0o7777);
  }

  mounts(id: string, parents: readonly string[], kind: "active" | "view", mappings?: IdMappings): Mount[] {
    const lower = parents.map((parent) => this.#changes(parent));
    // A root of its own holds what was written with the owners that it shall have.
    if (lower.length === 0) return [bind(this.#changes(id), kind === "view" ? "ro" : "rw")];
    const copied = mappings !== undefined && existsSync(`${this.#root}/${id}/${COPIED}`);
    const mapped = mappings && !copied ? mapOptions(mappings) : [];
    if (kind === "view" && copied) lower.unshift(this.#changes(id));
    if (kind === "view" && lower.length === 1) return [bind(lower[0]!, "ro", mapped)];
    const own = kind === "active"
      ? [`workdir=${this.#root}/${id}/work`, `upperdir=${this.#changes(id)}`]
      : [];
    const options = [...this.#options, ...own, `lowerdir=${lower.join(":")}`, ...mapped];
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

function bind(source: string, mode: "ro" | "rw", more: readonly string[] = []): Mount {
  return { type: "bind", source, target: "", options: [mode, "rbind", ...more] };
}

/** As containerd writes them; its own mount code and ours know what they mean. */
const mapOptions = ({ uids, gids }: IdMappings) => [
  `uidmap=${idMappingsText(uids)}`,
  `gidmap=${idMappingsText(gids)}`,
];

function existsSync(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** An overlay of a test's own: a lower tree, an upper directory on it, and both together. */
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { adoptParents, LayerApplier, type LayerSource, makeLayer } from "../../../lib/archive/mod.ts";
import { concat } from "../../harness/tar.ts";

export class Overlay implements AsyncDisposable {
  readonly dir: string;
  readonly lower: string;
  readonly upper: string;
  readonly merged: string;
  readonly #options: string[];

  private constructor(dir: string, options: string[]) {
    this.dir = dir;
    this.lower = `${dir}/lower`;
    this.upper = `${dir}/upper`;
    this.merged = `${dir}/merged`;
    this.#options = options;
  }

  /** Mounts one in `dir`, after `fill` has filled the lower tree. */
  static async make(
    dir: string,
    fill: (lower: string) => unknown,
    options: string[] = [],
  ): Promise<Overlay> {
    const overlay = new Overlay(dir, options);
    for (const path of [overlay.lower, overlay.upper, overlay.merged, `${dir}/work`]) {
      await Deno.mkdir(path, { recursive: true });
    }
    await fill(overlay.lower);
    mountAll(
      [{ type: "overlay", source: "overlay", target: "", options: overlay.options() }],
      overlay.merged,
    );
    return overlay;
  }

  /** What it is mounted with. */
  options(): string[] {
    const { dir, lower, upper } = this;
    return ["index=off", ...this.#options, `lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${dir}/work`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountAll(this.merged);
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** The layer's tar. */
export async function tarOf(source: LayerSource, sourceDate?: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  await makeLayer(source, (bytes) => void parts.push(bytes.slice()), { compression: "none", sourceDate });
  return concat(parts);
}

/** Unpacks a tar: into a whole tree, or into an upper directory over `lower`. */
export function applyTo(dir: string, layer: Uint8Array<ArrayBuffer>, lower?: string): void {
  using applier = new LayerApplier({ dir, form: lower ? "overlay" : "plain" });
  applier.push(layer);
  const { impliedDirs } = applier.finish();
  if (lower) adoptParents(dir, [lower], impliedDirs);
}

/** One image and its variants: what an attacker, or a careless author, puts into an image. */
import { busyboxRootfs, imageOfDirs, must, push, type Registry, type Scratch } from "../../harness/mod.ts";

/** What a variant has more than the base. */
export interface Variant {
  /** Shell script that fills a further layer in `$PWD`. */
  layer?: string;
  /** For `umoci config`. */
  config?: string[];
}

/** Pushes busybox, with a user whose name is a number, in variants; gives their references. */
export async function pushVariants(
  scratch: Scratch,
  registry: Registry,
  variants: Record<string, Variant>,
): Promise<Record<string, string>> {
  const rootfs = scratch.join("rootfs");
  await busyboxRootfs(rootfs);
  await Deno.writeTextFile(`${rootfs}/etc/passwd`, "4294967296:x:0:0::/:/bin/sh\n", { append: true });
  const base = ["--config.cmd", "sh", "--config.env", "PATH=/bin"];
  const { path } = await imageOfDirs(scratch.join("image"), [rootfs], base);
  const references: Record<string, string> = {};
  for (const [tag, { layer, config = [] }] of Object.entries(variants)) {
    await must("umoci", ["tag", "--image", `${path}:latest`, tag]);
    if (layer) await addLayer(scratch.join(`layer-${tag}`), `${path}:${tag}`, layer);
    if (config.length) await must("umoci", ["config", "--image", `${path}:${tag}`, ...config]);
    references[tag] = await push({ path, tag }, registry, `variants:${tag}`);
  }
  return references;
}

async function addLayer(dir: string, image: string, script: string): Promise<void> {
  await Deno.mkdir(dir);
  await must("sh", ["-ec", script], { cwd: dir });
  await must("tar", ["-C", dir, "-cf", `${dir}.tar`, "."]);
  await must("umoci", ["raw", "add-layer", "--image", image, `${dir}.tar`]);
}

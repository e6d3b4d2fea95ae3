/**
 * Mount points of activations: `<root>/<id>/<n>` for the n-th mount, a directory, or a symlink to the loop device
 * that a file has become. What they are can be told by looking at them, so that whatever a crash leaves can be taken
 * away without its record.
 */
import type { ActiveMount, Mount } from "../api/types/mount.ts";
import { now } from "../rpc/timestamp.ts";
import { attachLoop, detachLoop, mountAll, unmountAll } from "../sys/mod.ts";

/** Mounts `mount` as the n-th of the activation whose directory is `dir`. */
export async function mountAt(mount: Mount, dir: string, n: number): Promise<ActiveMount> {
  const mountPoint = `${dir}/${n}`;
  if (mount.type === "loop") {
    using device = attachLoop(mount.source, mount.options.includes("ro") ? "ro" : "rw");
    await Deno.symlink(device.path, mountPoint);
    device.keep();
  } else {
    await Deno.mkdir(mountPoint, { mode: 0o700 });
    mountAll([mount], mountPoint);
  }
  return { mount, mountedAt: now(), mountPoint, data: {} };
}

/** Takes away all mounts of an activation, last first, and its directory; nothing there is fine. */
export async function unmountIn(dir: string): Promise<void> {
  for (const name of (await namesIn(dir)).sort((a, b) => Number(b) - Number(a))) {
    const point = `${dir}/${name}`;
    if ((await Deno.lstat(point)).isSymlink) detachLoop(await Deno.readLink(point));
    else await unmountAll(point);
    // Never with what is in it: were something still mounted, its files would go too.
    await Deno.remove(point);
  }
  await Deno.remove(dir).catch(ignoreMissing);
}

async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dir)) names.push(name);
  } catch (error) {
    ignoreMissing(error);
  }
  return names;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

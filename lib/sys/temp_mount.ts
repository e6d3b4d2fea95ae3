/** Mounts for a moment, which don't outlive their process. */
import type { Mount } from "../api/types/mount.ts";
import { libc } from "./libc.ts";
import { openMount } from "./mount_parts.ts";
import { mountAll, unmountAll } from "./rootfs.ts";

// The last one to close a mount unmounts it, which may wait for the disk: it has a thread.
const slow = libc({ close: { parameters: ["i32"], result: "i32", nonblocking: true } });

/**
 * Runs `work` on a directory where `mounts` are mounted meanwhile. Only this process and its Workers can use the path.
 * Nobody else sees the mount, and it ends with the process, however that ends: it never has a place. (Several mounts,
 * mounts with others in them, and those that the kernel takes in no other way, have one.)
 */
export async function withTempMount<T>(
  mounts: readonly Mount[],
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const fd = await standsAlone(mounts) ? openMount(mounts[0]!) : undefined;
  if (fd === undefined) return await withPlacedMounts(mounts, work);
  try {
    return await work(`/proc/self/fd/${fd}`);
  } finally {
    await slow.close(fd);
  }
}

async function withPlacedMounts<T>(
  mounts: readonly Mount[],
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "longshore-mount-" });
  try {
    mountAll(mounts, dir);
    return await work(dir);
  } finally {
    await unmountAll(dir);
    // Only the empty mount point: were something still mounted, its files would go too.
    await Deno.remove(dir);
  }
}

/** Whether there is one mount, which shows no other. */
async function standsAlone([mount, another]: readonly Mount[]): Promise<boolean> {
  if (!mount || another || mount.target) return false;
  if (!mount.options.includes("rbind")) return true;
  const source = await Deno.realPath(mount.source);
  const table = await Deno.readTextFile("/proc/self/mountinfo");
  // Names with blanks are written with escapes there, and taken for one that has mounts in it.
  return !/[\s\\]/.test(source) && !table.includes(` ${source}/`);
}

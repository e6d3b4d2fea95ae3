/** Mounts for a moment, which don't outlive their process. */
import type { Mount } from "../api/types/mount.ts";
import { check, cstring, libc } from "./libc.ts";
import { openDirectory } from "./files.ts";
import { mountAll, unmountAll } from "./rootfs.ts";

const c = libc({ umount2: { parameters: ["buffer", "i32"], result: "i32" } });
// The last one to close a mount unmounts it, which may wait for the disk: it has a thread.
const slow = libc({ close: { parameters: ["i32"], result: "i32", nonblocking: true } });

const MNT_DETACH = 2;

/**
 * Runs `work` on a directory of its own where `mounts` are mounted meanwhile. Only this process and its Workers
 * can use the path. Nobody else sees the mount, and it ends with the process, however that ends: it is taken from
 * its place as soon as it is open. (Mounts with others in them, which would lose each other, stay in their place.)
 */
export async function withTempMount<T>(
  mounts: readonly Mount[],
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "longshore-mount-" });
  let fd: number | undefined;
  try {
    const alone = await standsAlone(mounts);
    // From here to the detaching in one go: a daemon killed in between leaves the mount.
    mountAll(mounts, dir);
    if (!alone) return await work(dir);
    fd = openDirectory(dir);
    check(c.umount2(cstring(dir), MNT_DETACH), `detach ${dir}`);
    await Deno.remove(dir);
    return await work(`/proc/self/fd/${fd}`);
  } finally {
    if (fd !== undefined) await slow.close(fd);
    await unmountAll(dir);
    // Only the empty mount point: were something still mounted, its files would go too.
    await Deno.remove(dir).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
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

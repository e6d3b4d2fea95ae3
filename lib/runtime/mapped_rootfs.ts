/** Root file systems that external shims may not know how to mount. */
import type { Mount } from "../api/types/mount.ts";
import { mountAll } from "../sys/mod.ts";

/**
 * The mounts left to a shim: all, or none if some map ids, which shims older than containerd 2.0 can't. Those are
 * mounted here; whoever removes the bundle unmounts them.
 */
export function mountUnknown(rootfs: readonly Mount[], bundle: string): Mount[] {
  const maps = rootfs.some(({ options }) => options.some((option) => /^[ug]idmap=/.test(option)));
  if (!maps) return [...rootfs];
  mountAll(rootfs, `${bundle}/rootfs`);
  return [];
}

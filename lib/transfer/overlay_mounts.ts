/** What the options of an overlay mount say (kernel Documentation/filesystems/overlayfs.rst). */
import type { Mount } from "../api/types/mount.ts";

const LOWER = "lowerdir=";
const UPPER = "upperdir=";
const WORK = "workdir=";

/** Paths in which a separator or its escape occurs are left to the kernel to read. */
const special = /[\\:,]/;

const valueOf = ({ options }: Mount, key: string) =>
  options.find((option) => option.startsWith(key))?.slice(key.length);

/** The upper directory of one overlay mount, or undefined if that isn't all there is. */
export function upperOf(mounts: readonly Mount[]): string | undefined {
  const [mount, another] = mounts;
  if (mount?.type !== "overlay" || another || mount.target) return undefined;
  return valueOf(mount, UPPER);
}

/**
 * The directories that one mount shows without its upper one, nearest first: an overlay's lower ones, a bind's
 * source. Undefined if the mount is of another kind, or its paths can't be told apart by reading them.
 */
export function lowersOf(mounts: readonly Mount[]): string[] | undefined {
  const [mount, another] = mounts;
  if (!mount || another || mount.target) return undefined;
  if (mount.type === "bind" || mount.options.includes("rbind")) return [mount.source];
  const lower = mount.type === "overlay" ? valueOf(mount, LOWER) : undefined;
  if (lower === undefined || lower.includes("\\") || lower.includes("::")) return undefined;
  return lower.split(":");
}

/**
 * Whether an overlay shows what is below its upper directory with other owners. It can't be mounted a second time:
 * the upper directory, whose owners are others already, would have to be one of those below.
 */
export const mapsLowers = (mounts: readonly Mount[]): boolean =>
  upperOf(mounts) !== undefined && mounts.some((mount) => valueOf(mount, "uidmap=") !== undefined);

/**
 * The same files, mounted so that nothing can be changed. An overlay's upper directory becomes the uppermost of
 * the lower ones: a container may have it mounted, and no two mounts may share an upper directory.
 */
export function readOnly(mounts: readonly Mount[]): Mount[] {
  return mounts.map((mount) => {
    const others = mount.options.filter((option) => option !== "rw" && option !== "ro");
    const [upper, lower] = [valueOf(mount, UPPER), valueOf(mount, LOWER)];
    if (mount.type !== "overlay" || upper === undefined || lower === undefined || special.test(upper)) {
      return { ...mount, options: ["ro", ...others] };
    }
    const kept = others.filter((option) => ![LOWER, UPPER, WORK].some((key) => option.startsWith(key)));
    return { ...mount, options: ["ro", ...kept, `${LOWER}${upper}:${lower}`] };
  });
}

/** Where a process's cgroups are in the file system. */

/** The directories of a cgroup. */
export type Cgroup =
  | {
    readonly version: 1;
    /** By controller: "memory", "cpuacct", ... */
    readonly dirs: ReadonlyMap<string, string>;
  }
  | { readonly version: 2; readonly dir: string };

interface Hierarchy {
  readonly mountPoint: string;
  /** The cgroup that is seen at the mount point. */
  readonly root: string;
}

/** The hierarchies that are mounted, by controller; the one of version 2 as "". */
export class CgroupMounts {
  readonly #hierarchies = new Map<string, Hierarchy>();

  /** `mountInfo`: the text of a /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
  constructor(mountInfo: string) {
    for (const line of mountInfo.split("\n")) {
      const [mount, file] = line.split(" - ");
      const [, , , root, mountPoint] = (mount ?? "").split(" ");
      const [type, , options] = (file ?? "").split(" ");
      if (!root || !mountPoint) continue;
      const names = type === "cgroup2" ? [""] : type === "cgroup" ? (options ?? "").split(",") : [];
      for (const name of names) {
        // Of several mounts the first will do.
        if (!this.#hierarchies.has(name)) this.#hierarchies.set(name, { mountPoint, root });
      }
    }
  }

  /** The directory of cgroup `path` of a controller; undefined where it can't be seen. */
  dirOf(controller: string, path: string): string | undefined {
    const hierarchy = this.#hierarchies.get(controller);
    if (!hierarchy) return undefined;
    const { mountPoint, root } = hierarchy;
    if (root === "/") return `${mountPoint}${path === "/" ? "" : path}`;
    return path === root || path.startsWith(`${root}/`)
      ? `${mountPoint}${path.slice(root.length)}`
      : undefined;
  }
}

let ownMounts: CgroupMounts | undefined;

/** Where the cgroups of a live process are; undefined if it is gone. */
export function locateCgroup(pid: number): Cgroup | undefined {
  try {
    const mounts = ownMounts ??= new CgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
    return cgroupIn(Deno.readTextFileSync(`/proc/${pid}/cgroup`), mounts);
  } catch (error) {
    // ESRCH: it ended between the open and the read.
    if (error instanceof Deno.errors.NotFound || /\bos error 3\b/.test(String(error))) return undefined;
    throw error;
  }
}

/**
 * From the text of a /proc/PID/cgroup (cgroups(7)): lines `hierarchy:controllers:path`. Version 1 where any
 * controller is in a hierarchy of its own.
 */
export function cgroupIn(text: string, mounts: CgroupMounts): Cgroup | undefined {
  const dirs = new Map<string, string>();
  let unified: string | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || controllers!.startsWith("name=")) continue;
    if (controllers === "") unified = mounts.dirOf("", path);
    else {
      for (const name of controllers!.split(",")) {
        const dir = mounts.dirOf(name, path);
        if (dir) dirs.set(name, dir);
      }
    }
  }
  if (dirs.size) return { version: 1, dirs };
  return unified ? { version: 2, dir: unified } : undefined;
}

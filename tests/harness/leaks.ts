/** What a test left on the machine: mounts, cgroups, processes and files below a directory of its own. */
import { mountsBelow } from "./scratch.ts";

/** Where to look. */
export interface LeakScope {
  /** The directory below which everything of the test lies; processes are found by it in their command line. */
  path: string;
  /** The cgroup, below each hierarchy, under which the test's containers are. */
  cgroup?: string;
  /** Directories that must be empty or absent. */
  empty?: string[];
  /** The state directory of a daemon that has no tasks any more. */
  state?: string;
}

/** Descriptions of everything that is left; empty if nothing is. */
export async function findLeaks({ path, cgroup, empty = [], state }: LeakScope): Promise<string[]> {
  return [
    ...mountsBelow(path).map((target) => `mount ${target}`),
    ...(cgroup ? cgroupsBelow(cgroup).map((dir) => `cgroup ${dir}`) : []),
    ...processesNaming(path).map((line) => `process ${line}`),
    ...(await Promise.all([...empty, ...state ? await tasksOf(state) : []].map(entries))).flat()
      .map((file) => `file ${file}`),
    ...(state ? await fifosBelow(state) : []).map((fifo) => `fifo ${fifo}`),
  ];
}

/** Where bundles, runc's state, and shims for one container are. */
async function tasksOf(state: string): Promise<string[]> {
  const byNamespace = await Promise.all([`${state}/tasks`, `${state}/runc`].map(entries));
  return [...byNamespace.flat(), `${state}/shims`];
}

async function fifosBelow(path: string): Promise<string[]> {
  const found = [];
  // What is mounted is a container's own, and nothing is mounted that is not told of already.
  for (const file of await entries(path).catch(() => [])) {
    const { isFifo, isDirectory } = await Deno.lstat(file).catch(() => ({
      isFifo: false,
      isDirectory: false,
    }));
    if (isFifo) found.push(file);
    if (isDirectory) found.push(...await fifosBelow(file));
  }
  return found;
}

/** A cgroup's directory in every hierarchy, where it may be. */
export function cgroupRoots(cgroup: string): string[] {
  return Deno.readTextFileSync("/proc/self/mounts").split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .flatMap(([, target]) => [target!, ...ownCgroups(target!)])
    .map((root) => `${root}/${cgroup}`);
}

/** Directories below a cgroup in every hierarchy. */
export function cgroupsBelow(cgroup: string): string[] {
  return cgroupRoots(cgroup).flatMap(directories);
}

// runc puts a container's cgroup below the caller's own, where the caller is not at the root.
function ownCgroups(mountPoint: string): string[] {
  const own = Deno.readTextFileSync("/proc/self/cgroup").split("\n").map((line) =>
    line.split(":").slice(2).join(":")
  );
  return [...new Set(own)].filter((dir) => dir && dir !== "/").map((dir) => mountPoint + dir);
}

function directories(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory).map(({ name }) =>
      `${path}/${name}`
    );
  } catch {
    return [];
  }
}

function processesNaming(path: string): string[] {
  return [...Deno.readDirSync("/proc")]
    .filter(({ name }) => /^\d+$/.test(name) && Number(name) !== Deno.pid)
    .map(({ name }) => `${name} ${commandLine(name)}`)
    .filter((line) => line.includes(path));
}

function commandLine(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

async function entries(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => `${path}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

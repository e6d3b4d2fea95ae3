/**
 * What runc left on the host for a container: its state directory and its cgroups.
 *
 * runc's own `delete` takes a process start and 4 ms to remove an empty cgroup and a directory. The shim, which
 * has reaped the container itself, does it by what runc's state.json says; where there is more to it (systemd,
 * resctrl, hooks, a state that can't be read) runc is called.
 */

/** What state.json tells of a container. */
export interface Footprint {
  /** Directories of its cgroups, one a hierarchy. */
  readonly cgroups: readonly string[];
  /** Its directory in resctrl, or empty. */
  readonly resctrl: string;
}

/** Reads runc's state of a container; undefined if there is none or it is of an unknown shape. */
export function readFootprint(runcRoot: string, id: string): Footprint | undefined {
  try {
    const state = JSON.parse(Deno.readTextFileSync(`${runcRoot}/${id}/state.json`));
    const cgroups = Object.values(state.cgroup_paths as Record<string, unknown>).filter((path) =>
      path !== ""
    );
    if (!cgroups.every((path): path is string => typeof path === "string" && isCgroup(path))) {
      return undefined;
    }
    return { cgroups, resctrl: String(state.intel_rdt_path ?? "") };
  } catch {
    return undefined;
  }
}

function isCgroup(path: string): boolean {
  return path.startsWith("/sys/fs/cgroup/") && !path.split("/").includes("..");
}

/** Every process in the cgroup and below. */
export async function processesIn(footprint: Footprint): Promise<number[]> {
  const [first] = footprint.cgroups;
  const path = footprint.cgroups.find((cgroup) => /^\/sys\/fs\/cgroup\/(pids|freezer)\//.test(cgroup)) ??
    first;
  return path ? [...new Set(await processesBelow(path))] : [];
}

async function processesBelow(path: string): Promise<number[]> {
  try {
    const own = (await Deno.readTextFile(`${path}/cgroup.procs`)).split("\n").filter(Boolean).map(Number);
    const children = [];
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory) children.push(processesBelow(`${path}/${entry.name}`));
    }
    return [...own, ...(await Promise.all(children)).flat()];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const RETRIES = 50;

/** Removes the cgroups, and those that the container made within. */
export async function removeCgroups(footprint: Footprint): Promise<void> {
  await Promise.all(footprint.cgroups.map((path) => removeCgroup(path, RETRIES)));
}

// A cgroup is busy for a moment after its last process was reaped.
async function removeCgroup(path: string, retries: number): Promise<void> {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (retries === 0) throw error;
    await removeChildren(path);
    await new Promise((resolve) => setTimeout(resolve, RETRIES - retries));
    await removeCgroup(path, retries - 1);
  }
}

async function removeChildren(path: string): Promise<void> {
  try {
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory) await removeCgroup(`${path}/${entry.name}`, 1).catch(() => {});
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

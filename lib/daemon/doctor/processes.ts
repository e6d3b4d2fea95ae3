/** Processes as /proc has them, and their ends. */
import { kill } from "../../sys/mod.ts";
import { entriesOf, readText } from "./finding.ts";

/** Every process, with the words of its command line. */
export async function processes(): Promise<{ pid: number; words: string[] }[]> {
  const pids = (await entriesOf("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  return await Promise.all(pids.map(async (pid) => ({
    pid,
    words: (await readText(`/proc/${pid}/cmdline`) ?? "").split("\0"),
  })));
}

/** The fields of /proc/PID/stat from the state on; none if it is gone. */
export async function statOf(pid: number): Promise<string[]> {
  const stat = await readText(`/proc/${pid}/stat`) ?? "";
  return stat ? stat.slice(stat.lastIndexOf(")") + 2).split(" ") : [];
}

/** All children of a process and theirs. */
export async function descendants(pid: number): Promise<number[]> {
  const children = (await readText(`/proc/${pid}/task/${pid}/children`) ?? "").trim().split(" ").filter(
    Boolean,
  )
    .map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

const PATIENCE = 5000;

/** kill -9, and waits for the ends; not for ever, since a process may hang in the kernel. */
export async function killAndWait(pids: readonly number[]): Promise<void> {
  for (const pid of pids) kill(pid, 9);
  const deadline = performance.now() + PATIENCE;
  for (const pid of pids) {
    while (!["Z", undefined].includes((await statOf(pid))[0])) {
      if (performance.now() > deadline) throw new Error(`process ${pid} does not end`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Removes cgroups, named as /proc/PID/cgroup has them, where they are empty; gives those that were there. */
export async function removeCgroups(paths: Iterable<string>): Promise<string[]> {
  const removed = [];
  for (const dir of (await cgroupDirs(paths)).sort().reverse()) {
    for (let tries = 0; tries < 20; tries++) {
      const done = await Deno.remove(dir).then(() => true, () => false);
      if (done) removed.push(dir);
      if (done) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return removed;
}

/** Where cgroups of some paths are, and those below them. */
export async function cgroupDirs(paths: Iterable<string>): Promise<string[]> {
  const mounts = (await readText("/proc/self/mounts") ?? "").split("\n").map((line) => line.split(" "));
  const roots = mounts.filter(([, , type]) => type === "cgroup" || type === "cgroup2").map(([, root]) =>
    root!
  );
  const own = [...new Set(paths)].filter((path) => path.length > 1 && !path.split("/").includes(".."));
  const dirs = roots.flatMap((root) => own.map((path) => root + path));
  return (await Promise.all(dirs.map(withChildren))).flat();
}

async function withChildren(dir: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(dir));
    const children = entries.filter((entry) => entry.isDirectory).map(({ name }) => `${dir}/${name}`);
    return [dir, ...(await Promise.all(children.map(withChildren))).flat()];
  } catch {
    return [];
  }
}

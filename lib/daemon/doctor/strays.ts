/** What containers have left outside of the state directory: processes, cgroups, FIFOs of clients that died. */
import { fifoParent } from "../../sys/mod.ts";
import { entriesOf, type Finding, readText } from "./finding.ts";
import { bundlesOf, isOf } from "./leftovers.ts";
import type { Known } from "./orphans.ts";
import { cgroupDirs, killAndWait, processes, removeCgroups } from "./processes.ts";

const staleMillis = 60_000;

/** Every stray of a root. */
export async function strayFindings(
  { root, state }: { root: string; state: string },
  known: Known | undefined,
): Promise<Finding[]> {
  const strays = await strayProcesses(root, state);
  const theirs = [...strays.values()].map(({ cgroup }) => cgroup);
  return [...processFindings(strays), ...known ? await cgroups(known, theirs) : [], ...await fifos()];
}

interface Stray {
  readonly cgroup: string;
  readonly pids: number[];
}

/** Processes that live on the root's snapshots, and are in no task's cgroup; by cgroup. */
async function strayProcesses(root: string, state: string): Promise<Map<string, Stray>> {
  const inits = await Promise.all(
    (await bundlesOf(state)).map(async ({ path }) => Number(await readText(`${path}/init.pid`))),
  );
  const tasks = (await Promise.all(inits.filter(Boolean).map(cgroupOf))).filter((cgroup) => cgroup !== "/");
  const strays = new Map<string, Stray>();
  for (const { pid } of await processes()) {
    const mounts = (await readText(`/proc/${pid}/mountinfo`) ?? "").split("\n");
    const at = mounts.find((line) => line.split(" ")[4] === "/");
    if (!at || !isOf(root, at)) continue;
    const cgroup = await cgroupOf(pid);
    if (inits.includes(pid) || tasks.some((task) => cgroup === task || cgroup.startsWith(`${task}/`))) {
      continue;
    }
    strays.set(cgroup, { cgroup, pids: [...strays.get(cgroup)?.pids ?? [], pid] });
  }
  return strays;
}

/** Its longest path in any hierarchy: a container is put into all of them by the same. */
async function cgroupOf(pid: number): Promise<string> {
  const paths = (await readText(`/proc/${pid}/cgroup`) ?? "").split("\n").map((line) =>
    line.split(":").slice(2).join(":")
  );
  return paths.sort((one, other) => other.length - one.length)[0] || "/";
}

function processFindings(strays: ReadonlyMap<string, Stray>): Finding[] {
  return [...strays.values()].map(({ cgroup, pids }) => ({
    level: "warn",
    subject: "processes",
    text: `${pids.join(", ")} in ${cgroup}: of a container that no task has`,
    advice: `kill -9 ${pids.join(" ")}`,
    reap: async () => {
      await killAndWait(pids);
      if (cgroup !== "/") await removeCgroups([cgroup]);
    },
  }));
}

/** Cgroups of containers that have no task; those with processes in them are somebody's, whoever that is. */
async function cgroups({ containers, tasks }: Known, strays: readonly string[]): Promise<Finding[]> {
  const paths = [...containers].filter(([name, path]) =>
    !tasks.has(name) && path.startsWith("/") && !strays.includes(path)
  ).map(([, path]) => path);
  const findings = await Promise.all(paths.map(async (path): Promise<Finding[]> => {
    const dirs = await cgroupDirs([path]);
    const used = await Promise.all(dirs.map((dir) => readText(`${dir}/cgroup.procs`)));
    if (!dirs.length || used.some((text) => text?.trim())) return [];
    return [{
      level: "warn",
      subject: "cgroups",
      text: `${path} is left of a container without a task`,
      advice: `rmdir ${dirs[0]}`,
      reap: async () => void await removeCgroups([path]),
    }];
  }));
  return findings.flat();
}

/** Directories of FIFOs that nobody has open: their client died, and their process is gone. */
async function fifos(): Promise<Finding[]> {
  const parent = fifoParent();
  const names = await entriesOf(parent);
  if (!names.length) return [];
  const open = await openBelow(parent);
  const findings = await Promise.all(names.map(async (name): Promise<Finding[]> => {
    const dir = `${parent}/${name}`;
    const { mtime, isDirectory } = await Deno.lstat(dir).catch(() => ({ mtime: null, isDirectory: false }));
    const young = !mtime || Date.now() - mtime.getTime() < staleMillis;
    if (!isDirectory || young || open.some((path) => path.startsWith(`${dir}/`))) return [];
    const text = `${dir}: nobody has its FIFOs open`;
    return [{
      level: "warn",
      subject: "fifos",
      text,
      advice: `rm -r ${dir}`,
      reap: () => Deno.remove(dir, { recursive: true }),
    }];
  }));
  return findings.flat();
}

async function openBelow(dir: string): Promise<string[]> {
  const found = [];
  for (const { pid } of await processes()) {
    for (const fd of await entriesOf(`/proc/${pid}/fd`)) {
      const path = await Deno.readLink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      if (path.startsWith(`${dir}/`)) found.push(path);
    }
  }
  return found;
}

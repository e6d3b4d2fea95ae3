/** What daemons, crashed or killed, have left behind. */
import { entriesOf, type Finding, readText } from "./finding.ts";

const staleMillis = 24 * 3_600_000;

/** Everything stale below a root and a state directory. */
export async function leftoverFindings(root: string, state: string, running: boolean): Promise<Finding[]> {
  const findings = await Promise.all([
    bundles(state),
    mounts(state, running),
    ingests(root),
    shims(state),
    setAside(root),
  ]);
  return findings.flat();
}

interface Bundle {
  readonly namespace: string;
  readonly id: string;
  readonly path: string;
}

async function bundlesOf(state: string): Promise<Bundle[]> {
  const found: Bundle[] = [];
  for (const namespace of await entriesOf(`${state}/tasks`)) {
    for (const id of await entriesOf(`${state}/tasks/${namespace}`)) {
      found.push({ namespace, id, path: `${state}/tasks/${namespace}/${id}` });
    }
  }
  return found;
}

/** Whether the process of a bundle's task runs; by pid and start time, since pids are used again. */
async function isAlive(bundle: string): Promise<boolean> {
  const text = await readText(`${bundle}/task.json`);
  if (!text) return false;
  try {
    const { pid, startTime } = JSON.parse(text) as { pid: number; startTime: string };
    const stat = await readText(`/proc/${pid}/stat`) ?? "";
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] === startTime;
  } catch {
    return false;
  }
}

async function bundles(state: string): Promise<Finding[]> {
  const all = await bundlesOf(state);
  const alive = await Promise.all(all.map(({ path }) => isAlive(path)));
  const dead = all.filter((_, at) => !alive[at]);
  if (!dead.length) {
    return [{ level: "ok", subject: "bundles", text: `${all.length}, none without a process` }];
  }
  return dead.map(({ namespace, id, path }) => ({
    level: "warn" as const,
    subject: "bundles",
    text: `${path}: its process is gone`,
    advice: `ctr -n ${namespace} tasks rm ${id}`,
  }));
}

async function mounts(state: string, running: boolean): Promise<Finding[]> {
  const subject = "mounts";
  const targets = (await readText("/proc/self/mounts") ?? "").split("\n").map((line) =>
    (line.split(" ")[1] ?? "").replaceAll(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(parseInt(octal, 8)),
    )
  );
  const stale: string[] = [];
  for (const target of targets) {
    const inBundle = target.startsWith(`${state}/tasks/`);
    const bundle = target.split("/").slice(0, state.split("/").length + 3).join("/");
    if (inBundle && !await isAlive(bundle)) stale.push(target);
    // A daemon at work has such mounts for moments.
    if (!running && /\/longshore-mount-[^/]+$/.test(target)) stale.push(target);
  }
  if (!stale.length) return [{ level: "ok", subject, text: "none stale" }];
  return stale.map((target) => ({
    level: "warn" as const,
    subject,
    text: `${target} is mounted for nobody`,
    advice: `umount ${target}`,
  }));
}

async function ingests(root: string): Promise<Finding[]> {
  const subject = "ingests";
  const dir = `${root}/content/ingest`;
  const keys = await entriesOf(dir);
  const old: string[] = [];
  for (const key of keys) {
    const { mtime } = await Deno.stat(`${dir}/${key}/data`).catch(() => ({ mtime: null }));
    if (mtime && Date.now() - mtime.getTime() > staleMillis) old.push(key);
  }
  if (!old.length) return [{ level: "ok", subject, text: `${keys.length}, none older than a day` }];
  return [{
    level: "warn",
    subject,
    text: `${old.length} that nobody has written to for a day`,
    advice: "ctr prune",
  }];
}

/** Shims outlive their daemon on purpose; one whose socket is gone can be reached by no daemon any more. */
async function shims(state: string): Promise<Finding[]> {
  const subject = "shims";
  const findings: Finding[] = [];
  let count = 0;
  for (const pid of await entriesOf("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const words = (await readText(`/proc/${pid}/cmdline`) ?? "").split("\0");
    const at = words.findIndex((word, n) => word === "shim" && words[n + 1] === "--state");
    const own = at < 0 ? undefined : words[at + 2];
    if (!own) continue;
    count++;
    const reachable = await Deno.lstat(`${own}/shim/shim.sock`).then(() => true, () => false);
    if (reachable) continue;
    findings.push({
      level: "warn",
      subject,
      text: `process ${pid} serves ${own}, where its socket is gone${
        own === state ? "" : " (another daemon's)"
      }`,
      advice: `its containers end with it: kill ${pid}`,
    });
  }
  return findings.length ? findings : [{ level: "ok", subject, text: `${count}, all can be reached` }];
}

/** What a rebuild kept of lost metadata and snapshots is for somebody to look at, and then to delete. */
async function setAside(root: string): Promise<Finding[]> {
  const paths = (await Promise.all(
    [root, `${root}/snapshots`].map(async (dir) =>
      (await entriesOf(dir)).filter((name) => name.includes(".lost-")).map((name) => `${dir}/${name}`)
    ),
  )).flat();
  return paths.map((path) => ({
    level: "warn",
    subject: "set aside",
    text: `${path}: a rebuild has kept it`,
    advice: `when nothing in it is missed: rm -r ${path}`,
  }));
}

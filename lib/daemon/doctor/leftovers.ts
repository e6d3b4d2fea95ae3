/** What daemons, crashed or killed, have left behind. */
import { unmountAll } from "../../sys/mod.ts";
import { answers, entriesOf, type Finding, readText } from "./finding.ts";
import { killAndWait } from "./processes.ts";

const staleMillis = 24 * 3_600_000;

/** Everything stale below a root and a state directory. */
export async function leftoverFindings(root: string, state: string, running: boolean): Promise<Finding[]> {
  const findings = await Promise.all([
    bundles(state, running),
    mounts(root, running),
    ingests(root),
    shims(state),
    setAside(root),
  ]);
  return findings.flat();
}

/** A task's directory. */
export interface Bundle {
  readonly namespace: string;
  readonly id: string;
  readonly path: string;
}

/** All below a state directory. */
export async function bundlesOf(state: string): Promise<Bundle[]> {
  const found: Bundle[] = [];
  for (const namespace of await entriesOf(`${state}/tasks`)) {
    for (const id of await entriesOf(`${state}/tasks/${namespace}`)) {
      found.push({ namespace, id, path: `${state}/tasks/${namespace}/${id}` });
    }
  }
  return found;
}

/** Why nobody is at work in a bundle; undefined if somebody is. */
async function deadBecause(bundle: string): Promise<string | undefined> {
  const [task, bootstrap] = await Promise.all([
    readJson<{ pid: number; startTime: string }>(`${bundle}/task.json`),
    readJson<{ socket: string; binary: string }>(`${bundle}/bootstrap.json`),
  ]);
  if (bootstrap) {
    return await answers(bootstrap.socket) ? undefined : `its shim (${bootstrap.binary}) does not answer`;
  }
  if (!task) return "it has no process yet, or never had one";
  // By pid and start time, since pids are used again. A zombie has ended.
  const stat = await readText(`/proc/${task.pid}/stat`) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] !== "Z" && fields[19] === task.startTime ? undefined : "its process has ended";
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readText(path) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/** With a daemon this may be a stopped task like any other; either way the command takes it away, with its mounts. */
async function bundles(state: string, running: boolean): Promise<Finding[]> {
  const all = await bundlesOf(state);
  const reasons = await Promise.all(all.map(({ path }) => deadBecause(path)));
  const dead = all.flatMap((bundle, at) => reasons[at] ? [{ ...bundle, why: reasons[at] }] : []);
  if (!dead.length) {
    return [{ level: "ok", subject: "bundles", text: `${all.length}, none without a process` }];
  }
  const first = running ? "" : "start the daemon, then: ";
  return dead.map(({ namespace, id, path, why }) => ({
    level: "warn" as const,
    subject: "bundles",
    text: `${path}: ${why}`,
    advice: `${first}ctr -n ${namespace} tasks rm ${id}`,
  }));
}

/** Where lib/sys mounts for a moment. */
const momentary = /\/longshore-mount-[^/]+$|^\/run\/\.l[0-9a-z]+$/;

/** Mounts for moments, which a daemon at work has too. Another daemon's are not ours to judge. */
async function mounts(root: string, running: boolean): Promise<Finding[]> {
  const subject = "mounts";
  const lines = (await readText("/proc/self/mountinfo") ?? "").split("\n");
  const stale = running ? [] : lines.flatMap((line) => {
    const target = unescape(line.split(" ")[4] ?? "");
    return momentary.test(target) && isOf(root, line) ? [target] : [];
  });
  if (!stale.length) return [{ level: "ok", subject, text: "none stale" }];
  return stale.map((target) => ({
    level: "warn" as const,
    subject,
    text: `${target} is mounted for nobody`,
    advice: `umount ${target} && rmdir ${target}`,
    reap: async () => {
      await unmountAll(target);
      await Deno.remove(target);
    },
  }));
}

/** Whether a line of mountinfo is made of a root's snapshots: an overlay by its options, a bind mount by its root. */
export function isOf(root: string, line: string): boolean {
  const source = unescape(line.split(" ")[3] ?? "");
  const options = unescape(line.split(" - ")[1] ?? "");
  const at = source.indexOf("/snapshots/");
  return options.includes(`${root}/snapshots/`) || at > 0 && root.endsWith(source.slice(0, at));
}

const unescape = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));

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
    if (await exists(`${own}/shim/shim.sock`)) continue;
    const isOwn = own === state || own.startsWith(`${state}/shims/`);
    const whose = isOwn ? "" : " (another daemon's)";
    findings.push({
      level: "warn",
      subject,
      reap: isOwn ? () => killAndWait([Number(pid)]) : undefined,
      text: `process ${pid} serves ${own}, where its socket is gone${whose}`,
      advice: await exists(`${own}/tasks`)
        ? `kill -9 ${pid}: its containers go on, and the next shim of the daemon takes them over`
        : `its containers (ps --ppid ${pid}) can't be reached any more: end them, then: kill -9 ${pid}`,
    });
  }
  return findings.length ? findings : [{ level: "ok", subject, text: `${count}, all can be reached` }];
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

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

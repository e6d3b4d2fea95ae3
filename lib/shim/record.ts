/**
 * What the shim writes into a bundle, so that another can take over if it dies: `task.json`, and
 * `exec-<id>.json` for an exec.
 *
 * Bundles lie in memory (/run): what is small there is read and written at once, here and elsewhere in the shim.
 * Handing a call to a thread takes longer than the call.
 */
import type { Mount } from "../api/types/mount.ts";
import { exists } from "./files.ts";
import type { Runtime } from "./runc.ts";
import type { Container, Process } from "./container.ts";
import type { StdioPaths } from "./stdio.ts";

/** The contents of task.json. */
export interface TaskRecord {
  readonly id: string;
  readonly namespace: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names a process for good. */
  readonly startTime: string;
  readonly stdio: StdioPaths;
  readonly runtime: Runtime;
  readonly mounts: readonly Mount[];
}

const FILE = "task.json";

/** Writes it; called once the container exists. */
export function writeRecord(container: Container): void {
  const { id, namespace, init, runtime, mounts, bundle } = container;
  const record: TaskRecord = {
    id,
    namespace,
    pid: init.pid,
    startTime: startTime(init.pid) ?? "",
    stdio: init.paths,
    runtime,
    mounts,
  };
  Deno.writeTextFileSync(`${bundle}/.${FILE}`, JSON.stringify(record), { mode: 0o600 });
  Deno.renameSync(`${bundle}/.${FILE}`, `${bundle}/${FILE}`);
}

/** Reads it; undefined if the bundle has none. */
export async function readRecord(bundle: string): Promise<TaskRecord | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(`${bundle}/${FILE}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** In a bundle whose container has a shim of its own; what it says is its daemon's business. */
export const OWN_SHIM = "own-shim.json";

/** Whether a container has a shim of its own. */
export const hasOwnShim = (bundle: string): boolean => exists(`${bundle}/${OWN_SHIM}`);

const INTENTION = "runtime.json";

/** Notes which runtime is about to make a container, where that is not the usual one: should the shim die meanwhile. */
export async function noteRuntime(bundle: string, runtime: Runtime): Promise<void> {
  await Deno.writeTextFile(`${bundle}/${INTENTION}`, JSON.stringify(runtime), { mode: 0o600 });
}

/** Reads it; undefined for the usual one. */
export async function notedRuntime(bundle: string): Promise<Runtime | undefined> {
  return JSON.parse(await Deno.readTextFile(`${bundle}/${INTENTION}`).catch(() => "null")) ?? undefined;
}

/** When a process was started, in clock ticks since the boot; undefined if it is gone or a zombie. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The path of a file that belongs to one process of a container. */
export function fileOf(container: { bundle: string }, process: Pick<Process, "execId">, suffix: string) {
  return `${container.bundle}/${process.execId ? `exec-${process.execId}` : "init"}.${suffix}`;
}

/**
 * Taking over from a shim that died: its containers still run (their parent is now init or another reaper), so
 * they are watched by pidfd. Their exit codes can't be had any more: 255 is told. Their pipes died with the
 * shim, so output is lost from then on.
 */
import { Status } from "../api/types/task/task.ts";
import { messageOf } from "../errors.ts";
import { now } from "../rpc/timestamp.ts";
import { pidfdOpen, Ready, unmountAll } from "../sys/mod.ts";
import { type Container, newProcess } from "./container.ts";
import { exited } from "./exit.ts";
import { hearOom } from "./oom.ts";
import { exists } from "./files.ts";
import { hasOwnShim, notedRuntime, readRecord, startTime, type TaskRecord } from "./record.ts";
import { runRunc } from "./runc.ts";
import { runtimeOf } from "./runtime.ts";
import type { Shim } from "./shim.ts";
import { readSpecFacts } from "./spec.ts";

/** The exit code of a process whose own is not known. */
const UNKNOWN = 255;

/** Adopts every container that has a record below the state directory, and is nobody else's. */
export async function adoptAll(shim: Shim): Promise<void> {
  for (const namespace of await names(`${shim.state}/tasks`)) {
    for (const id of await names(`${shim.state}/tasks/${namespace}`)) {
      const bundle = `${shim.state}/tasks/${namespace}/${id}`;
      if (!hasOwnShim(bundle)) await adoptFrom(shim, bundle);
    }
  }
}

/** Adopts the container of a bundle `.../NAMESPACE/ID`; one that was never finished is cleared away. */
export async function adoptFrom(shim: Shim, bundle: string): Promise<void> {
  const [namespace, id] = bundle.split("/").slice(-2) as [string, string];
  try {
    const record = await readRecord(bundle);
    if (record) await adopt(shim, bundle, record);
    else await clearAway(shim, namespace, id, bundle);
  } catch (error) {
    console.error(`task ${id} in namespace ${namespace} can't be adopted: ${messageOf(error)}`);
  }
}

async function adopt(shim: Shim, bundle: string, record: TaskRecord): Promise<void> {
  const { namespace, id, runtime, mounts, stdio, pid } = record;
  const init = newProcess("", stdio);
  const facts = readSpecFacts(bundle);
  const container: Container = { namespace, id, bundle, runtime, mounts, facts, init, execs: new Map() };
  init.pid = pid;
  await shim.containers.add(namespace, id, () => Promise.resolve(container));
  const waits = exists(`${runtime.root}/${id}/exec.fifo`);
  init.status = waits ? Status.CREATED : Status.RUNNING;
  const fd = pidfdOpen(pid);
  const end = () => exited(shim, container, init, { code: UNKNOWN, at: now() });
  if (fd === undefined || startTime(pid) !== record.startTime) {
    if (fd !== undefined) shim.epoll.close(fd);
    return end();
  }
  if (!waits) hearOom(shim, container);
  shim.epoll.arm(fd, Ready.READ, () => {
    shim.epoll.close(fd);
    end();
  });
}

/** Undoes a Create in whose middle the shim died. */
async function clearAway(shim: Shim, namespace: string, id: string, bundle: string): Promise<void> {
  const runtime = await notedRuntime(bundle) ?? runtimeOf(shim, namespace, undefined);
  if ((await names(runtime.root)).includes(id)) {
    await runRunc(shim.reaper, runtime, { args: ["delete", "--force", id], log: `${bundle}/log.json` });
  }
  await unmountAll(`${bundle}/rootfs`);
}

async function names(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).filter((entry) => entry.isDirectory).map(({ name }) =>
      name
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What tasks use, gathered from their shims. */
import type { Any } from "../api/google/protobuf/any.ts";
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";
import { Code, isError, messageOf } from "../errors.ts";
import { now } from "../rpc/timestamp.ts";
import type { TaskPlace } from "./shim.ts";

/** What a task uses, in the words of its shim: metrics of io.containerd.cgroups, mostly. */
export interface TaskStats {
  readonly namespace: string;
  readonly id: string;
  /** When it was asked for. */
  readonly timestamp: Timestamp;
  readonly data: Any;
}

/** How many are asked for at a time, so that neither a shim nor this process is busy with them alone. */
const AT_ONCE = 8;

/**
 * Asks for every task, and gives the answers in the order of the tasks. A task that has no answer (it is gone, its
 * shim does not count) is left out; unless that is because it has no cgroup, it is told on standard error.
 */
export async function gatherStats<T extends TaskPlace>(
  tasks: readonly T[],
  ask: (task: T) => Promise<Any | undefined>,
): Promise<TaskStats[]> {
  const found: (TaskStats | undefined)[] = new Array(tasks.length);
  const left = tasks.entries();
  const work = async () => {
    for (const [n, task] of left) found[n] = await statsOf(task, ask);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tasks.length) }, work));
  return found.filter((stats) => stats !== undefined);
}

async function statsOf<T extends TaskPlace>(
  task: T,
  ask: (task: T) => Promise<Any | undefined>,
): Promise<TaskStats | undefined> {
  const { namespace, id } = task;
  const timestamp = now();
  try {
    const data = await ask(task);
    return data && { namespace, id, timestamp, data };
  } catch (error) {
    if (isError(error, Code.Canceled)) throw error;
    if (!isError(error, Code.NotFound)) console.error(`metrics of task ${id}: ${messageOf(error)}`);
    return undefined;
  }
}

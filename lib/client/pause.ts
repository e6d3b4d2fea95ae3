/** Work for which a container must hold still. */
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { Status } from "../api/types/task/task.ts";
import { Code, isError } from "../errors.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";

/** Milliseconds that resuming a task may take. */
const patience = 10_000;

/** Runs `work` while the container's task, if it has one that runs, is paused. It may have ended by the end. */
export async function whilePaused<T>(
  services: Services,
  containerId: string,
  call: CallOptions,
  work: () => Promise<T>,
): Promise<T> {
  const tasks = services.stub(TasksDefinition);
  const state = await tasks.get({ containerId }, call).then(({ process }) => process!.status, unlessMissing);
  if (state !== Status.RUNNING) return await work();
  await tasks.pause({ containerId }, call);
  try {
    return await work();
  } finally {
    // Also when the caller has lost patience: nobody else knows that it is paused.
    const resumed = tasks.resume({ containerId }, { ...call, signal: AbortSignal.timeout(patience) });
    await resumed.catch(unlessEnded);
  }
}

function unlessMissing(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}

function unlessEnded(error: unknown): void {
  if (!isError(error, Code.NotFound) && !isError(error, Code.FailedPrecondition)) throw error;
}

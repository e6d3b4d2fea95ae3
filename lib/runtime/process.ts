/** A process as the tasks service tells of it. */
import type { StateResponse } from "../api/runtime/task/v3/shim.ts";
import { Process, Status } from "../api/types/task/task.ts";
import { Code, isError, messageOf } from "../errors.ts";
import { complete } from "../rpc/service.ts";
import type { TaskPlace } from "./shim.ts";

/** Of what a shim says. */
export function processOf(state: StateResponse): Process {
  const { id, execId, pid, status, stdin, stdout, stderr, terminal, exitStatus, exitedAt } = state;
  return {
    containerId: id,
    id: execId || id,
    pid,
    status,
    stdin,
    stdout,
    stderr,
    terminal,
    exitStatus,
    exitedAt,
  };
}

/**
 * Of what a shim is about to say of a task. Undefined if the task is gone, or its shim just dies, and the task with
 * it; of a shim that does not answer, or answers with nonsense, the status is unknown.
 */
export async function processOrUnknown(
  { id }: TaskPlace,
  state: Promise<StateResponse | undefined>,
): Promise<Process | undefined> {
  try {
    const said = await state;
    return said && processOf(said);
  } catch (error) {
    console.error(`state of task ${id}: ${messageOf(error)}`);
    if (isError(error, Code.Unavailable)) return undefined;
    return complete(Process, { containerId: id, id, status: Status.UNKNOWN });
  }
}

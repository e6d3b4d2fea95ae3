/** A process as the tasks service tells of it. */
import type { StateResponse } from "../api/runtime/task/v3/shim.ts";
import type { Process } from "../api/types/task/task.ts";

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

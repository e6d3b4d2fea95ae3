/** An exec from its start to its end, for one call. */
import type { ExecProcessRequest } from "../api/runtime/task/v3/shim.ts";
import type { ExecResponse } from "../api/shim/v1/shim.ts";
import { type Container, processOf, untilEnded } from "./container.ts";
import { remove } from "./delete.ts";
import { exec } from "./exec.ts";
import type { Shim } from "./shim.ts";
import { start } from "./start.ts";

/** Tells of both. One that can't be started is not there any more; a caller who leaves changes nothing else. */
export async function* runExec(
  shim: Shim,
  container: Container,
  request: ExecProcessRequest,
  signal: AbortSignal,
): AsyncGenerator<ExecResponse> {
  exec(shim, container, request);
  const process = processOf(container, request.execId);
  try {
    await start(shim, container, process);
  } catch (error) {
    await remove(shim, container, process).catch(() => {});
    throw error;
  }
  yield { started: process.pid };
  await untilEnded(process, signal);
  yield { ended: process.exitCode };
}

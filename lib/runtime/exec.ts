/** A further process of a container, run for one caller: from its pipes to its removal. */
import type { RunRequest, RunResponse } from "../api/services/execs/v1/execs.ts";
import type { ExecResponse } from "../api/shim/v1/shim.ts";
import type { Any } from "../api/google/protobuf/any.ts";
import { Code, isError, messageOf, notFound } from "../errors.ts";
import { checkIdentifier } from "../events/mod.ts";
import { lookUpUser, mergeEnv, parseExact, processUrl } from "../oci/mod.ts";
import { anyJson } from "../rpc/any.ts";
import type { Scope } from "../scope.ts";
import { type Fifos, makeFifos, pipedStreams, releaseFifos } from "../sys/mod.ts";
import type { TaskManager, TaskManagerOptions } from "./task_manager.ts";

/** Where a container's record is, and its task. */
export interface ExecRooms extends Pick<TaskManagerOptions, "containers"> {
  readonly tasks: Pick<TaskManager, "get" | "run" | "deleteProcess">;
}

/**
 * Tells of its pipes, its start and its end. Then the caller reads what output is left; when it ends the call the
 * process is deleted. One whose caller leaves before its end goes on, and stays for whoever attaches to it.
 */
export async function* runExec(
  { containers, tasks }: ExecRooms,
  scope: Scope,
  request: RunRequest,
  signal: AbortSignal,
): AsyncGenerator<RunResponse> {
  const { containerId, execId } = request;
  const name = { containerId, execId };
  // Files get names of it.
  checkIdentifier(execId, "exec id");
  const spec = await specOf({ containers, tasks }, scope, request);
  const fifos = makeFifos(execId, request.noInput ? ["stdout", "stderr"] : pipedStreams(false));
  const { stdin, stdout, stderr } = fifos;
  const made = { stdin, stdout, stderr };
  // A start is not given up half-way.
  const leaving = new AbortController();
  const course = tasks.run(scope, { ...name, ...made, terminal: false, spec }, leaving.signal);
  const starting = startOf(course, fifos);
  try {
    starting.catch(() => {});
    yield { made };
    yield await starting;
    untilAborted(signal).then(() => leaving.abort(signal.reason));
    yield (await course.next()).value!;
  } finally {
    starting.then(() => course.return(undefined)).catch(() => {});
  }
  await untilAborted(signal);
  // Somebody who has attached may have deleted it first; so has the end of its container.
  await tasks.deleteProcess(scope, name).catch(() => {});
  remove(fifos);
}

/** The container's own process, but for what is asked. */
async function specOf(
  { containers, tasks }: ExecRooms,
  scope: Scope,
  { containerId, args, env, cwd, user }: RunRequest,
): Promise<Any> {
  const { spec } = containers.get(scope, containerId);
  const own = parseExact(new TextDecoder().decode(spec?.value)).process;
  const process = { ...own, args, terminal: false, env: mergeEnv(own.env ?? [], env) };
  if (cwd) process.cwd = cwd;
  if (user) {
    const { process: first } = await found(tasks.get(scope, { containerId, execId: "" }));
    process.user = await lookUpUser(`/proc/${first!.pid}/root`, user);
  }
  return anyJson(processUrl, process);
}

/** Starts it whether or not anybody waits. What could not be started leaves nothing. */
async function startOf(course: AsyncIterator<ExecResponse>, fifos: Fifos): Promise<ExecResponse> {
  try {
    return (await found(course.next())).value!;
  } catch (error) {
    remove(fifos);
    throw error;
  }
}

/** Whoever still waits to open them must not wait for ever. */
function remove(fifos: Fifos): void {
  releaseFifos(fifos);
  fifos[Symbol.dispose]();
}

/** Asks a task that may not be there, which is told as such. */
async function found<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (isError(error, Code.NotFound)) throw notFound(`no running task found: ${messageOf(error)}`);
    throw error;
  }
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Kill, pause and resume. */
import { Status } from "../api/types/task/task.ts";
import { failedPrecondition, notFound } from "../errors.ts";
import { kill } from "../sys/mod.ts";
import { type Container, inTurn, type Process } from "./container.ts";
import { killAll } from "./exit.ts";
import { runRunc } from "./runc.ts";
import { publish, type Shim } from "./shim.ts";
import { Topic } from "./topics.ts";

const SIGKILL = 9;

/** Signals a process, or with `everyone` all of the container's. Throws NotFound when it has ended. */
export async function signal(
  shim: Shim,
  container: Container,
  process: Process,
  { number, everyone }: { number: number; everyone: boolean },
): Promise<void> {
  if (process.pid === 0 && process.status === Status.CREATED) throw failedPrecondition("process not created");
  // What the first process has left behind, where it had no pid namespace, can be signalled still.
  const others = everyone && process === container.init;
  if (process.status === Status.STOPPED && !others) throw notFound("process already finished");
  if (everyone) await killAll(container, number);
  else if (!kill(process.pid, number)) throw notFound("process already finished");
  if (number === SIGKILL && container.init.status === Status.PAUSED) await thaw(shim, container);
}

// A frozen process dies when it is thawed.
async function thaw(shim: Shim, container: Container): Promise<void> {
  await callRunc(shim, container, "resume").catch((error) => {
    if (container.init.status !== Status.STOPPED) throw error;
  });
  if (container.init.status === Status.PAUSED) container.init.status = Status.RUNNING;
}

/** Freezes the container. */
export function pause(shim: Shim, container: Container): Promise<void> {
  return inTurn(container.init, async () => {
    requireStatus(container, Status.RUNNING, "cannot pause a container that is not running");
    await callRunc(shim, container, "pause");
    if (container.init.status === Status.RUNNING) container.init.status = Status.PAUSED;
    publish(shim, container, Topic.paused, { containerId: container.id });
  });
}

/** Lets a frozen container go on. */
export function resume(shim: Shim, container: Container): Promise<void> {
  return inTurn(container.init, async () => {
    requireStatus(container, Status.PAUSED, "cannot resume a container that is not paused");
    await callRunc(shim, container, "resume");
    if (container.init.status === Status.PAUSED) container.init.status = Status.RUNNING;
    publish(shim, container, Topic.resumed, { containerId: container.id });
  });
}

function requireStatus({ init }: Container, status: Status, otherwise: string): void {
  if (init.status !== status) throw failedPrecondition(otherwise);
}

function callRunc(shim: Shim, container: Container, command: string): Promise<void> {
  const { runtime, id, bundle } = container;
  return runRunc(shim.reaper, runtime, { args: [command, id], log: `${bundle}/log.json` });
}

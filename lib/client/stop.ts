/** The orderly end of a task: asked to end first, killed after a while. */
import { type Container, ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { Status } from "../api/types/task/task.ts";
import { Code, isError } from "../errors.ts";
import { restartLabels, stopSignalLabel } from "../labels.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";
import { type Signal, signalNumber } from "./signals.ts";

const SIGKILL = 9;

export interface StopOptions extends CallOptions {
  /** Milliseconds that the process has for its end (10 s unless said); 0: it is killed at once. */
  readonly patience?: number;
  /** Instead of the image's own, or SIGTERM. */
  readonly stopSignal?: Signal;
}

/**
 * Ends the task of a container, if it has one that runs: by its stop signal, and by SIGKILL when it has not ended
 * after a while. A paused one is resumed, since it couldn't hear otherwise. Throws NotFound without the container.
 */
export async function stopTask(
  services: Services,
  containerId: string,
  options: StopOptions = {},
): Promise<void> {
  const { patience = 10_000, stopSignal, ...call } = options;
  const tasks = services.stub(TasksDefinition);
  const containers = services.stub(ContainersDefinition);
  const { container } = await containers.get({ id: containerId }, call);
  if (container!.labels[restartLabels.status]) await markStopped(services, container!, "true", call);
  const status = await tasks.get({ containerId }, call).then(({ process }) => process!.status, unlessGone);
  if (status === undefined || status === Status.STOPPED) return;
  const ended = tasks.wait({ containerId }, call).then(() => true, unlessGone);
  ended.catch(() => {});
  if (patience > 0 && status !== Status.CREATED) {
    const signal = signalNumber(stopSignal ?? (container!.labels[stopSignalLabel] || "SIGTERM") as Signal);
    await tasks.kill({ containerId, signal }, call).catch(unlessGone);
    if (status === Status.PAUSED) await tasks.resume({ containerId }, call).catch(unlessGone);
    if (await within(ended, patience)) return;
  }
  await tasks.kill({ containerId, signal: SIGKILL, all: true }, call).catch(unlessGone);
  if (status !== Status.CREATED) await ended;
}

/** Tells who starts tasks again that this one was stopped on purpose, or ("") that it wasn't. */
export async function markStopped(
  services: Services,
  container: Container,
  value: "true" | "",
  call: CallOptions,
): Promise<void> {
  const labels = { [restartLabels.stopped]: value };
  const updateMask = [`labels.${restartLabels.stopped}`];
  await services.stub(ContainersDefinition).update({ container: { ...container, labels }, updateMask }, call);
}

async function within(ended: Promise<unknown>, millis: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), millis));
  const first = await Promise.race([ended.then(() => true), late]);
  clearTimeout(timer);
  return first;
}

/** It has ended, or was deleted, meanwhile. */
function unlessGone(error: unknown): undefined {
  if (!isError(error, Code.NotFound) && !isError(error, Code.FailedPrecondition)) throw error;
}

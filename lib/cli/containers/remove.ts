/** Removing a container: its ended task, its snapshot, its record. */
import { ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { type Process, Status } from "../../api/types/task/task.ts";
import { removeFifos } from "../../sys/fifo.ts";
import { Code, failedPrecondition, isError, messageOf } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { complain } from "../output/print.ts";
import { detachIfAttached } from "../run/network.ts";

/**
 * Removes a container, and its snapshot unless that is to be kept. Throws FailedPrecondition while its
 * process lives. With `force` it goes also if a network can't be given back.
 */
export async function removeContainer(
  daemon: Daemon,
  id: string,
  { snapshot, force = false }: { snapshot: "keep" | "remove"; force?: boolean },
): Promise<void> {
  const containers = daemon.stub(ContainersDefinition);
  const { container } = await containers.get({ id });
  const task = await missing(daemon.stub(TasksDefinition).get({ containerId: id }));
  if (task?.process) await removeTask(daemon, id, task.process);
  if (container) {
    await detachIfAttached(daemon, container).catch((error) => {
      if (!force) throw error;
      complain(`container ${id} is removed, but not from its network: ${messageOf(error)}`);
    });
  }
  if (snapshot === "remove" && container?.snapshotKey) {
    await removeSnapshot(daemon, { snapshotter: container.snapshotter, key: container.snapshotKey });
  }
  await containers.delete({ id });
}

/** Removes a container whose task is gone, with its snapshot: nothing has to be asked about them first. */
export async function removeEnded(
  daemon: Daemon,
  { id, snapshot }: { id: string; snapshot?: { snapshotter: string; key: string } },
): Promise<void> {
  await Promise.all([
    snapshot && removeSnapshot(daemon, snapshot),
    daemon.stub(ContainersDefinition).delete({ id }),
  ]);
}

async function removeTask(daemon: Daemon, containerId: string, task: Process): Promise<void> {
  if (task.status !== Status.STOPPED && task.status !== Status.CREATED) {
    throw failedPrecondition(
      `cannot delete container ${containerId}: its task is ${
        Status[task.status].toLowerCase()
      } (end it with ` +
        `"ctr tasks kill -s KILL ${containerId}")`,
    );
  }
  await missing(daemon.stub(TasksDefinition).delete({ containerId }));
  removeFifos(containerId, task);
}

const snapshotsApi = () => import("../../api/services/snapshots/v1/snapshots.ts");

/** Loads what a removal needs beside what every container does. */
export const prepareRemoval = (): void => void snapshotsApi();

/** Removes a snapshot, if it is there. */
export async function removeSnapshot(
  daemon: Daemon,
  snapshot: { snapshotter: string; key: string },
): Promise<void> {
  const { SnapshotsDefinition } = await snapshotsApi();
  await missing(daemon.stub(SnapshotsDefinition).remove(snapshot));
}

/** What a call gives; undefined where there is nothing. */
async function missing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isError(error, Code.NotFound)) return undefined;
    throw error;
  }
}

/** Delete: removes what is left of a process that has ended. */
import { Status } from "../api/types/task/task.ts";
import { failedPrecondition } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import { kill, unmountAll } from "../sys/mod.ts";
import { removeAbandonedFifos } from "./abandoned_fifos.ts";
import { readFootprint, removeCgroups } from "./cgroup.ts";
import { type Container, inTurn, type Process, processOf } from "./container.ts";
import { killAll } from "./exit.ts";
import { runRunc } from "./runc.ts";
import { publish, type Shim } from "./shim.ts";
import { Topic } from "./topics.ts";

/** Milliseconds for output that something else still holds open. */
const DRAIN = 2000;

/** Deletes a process, or the container with its first one. Throws FailedPrecondition while it runs. */
export function remove(shim: Shim, container: Container, process: Process): Promise<void> {
  return inTurn(process, () => {
    // Of two who delete it the second finds nothing.
    const known = shim.containers.get(container.namespace, container.id);
    processOf(known, process.execId);
    return process.execId ? removeExec(container, process) : removeContainer(shim, container);
  });
}

async function removeExec(container: Container, process: Process): Promise<void> {
  refuseRunning(process);
  if (process.status === Status.STOPPED) await process.ended;
  await process.stdio?.drain(DRAIN);
  process.stdio?.[Symbol.dispose]();
  container.execs.delete(process.execId);
  // Whoever is told that it could not start lives.
  if (process.pid) removeAbandonedFifos(process.execId, process.paths);
}

async function removeContainer(shim: Shim, container: Container): Promise<void> {
  const { init, execs, bundle } = container;
  refuseRunning(init);
  if (init.status === Status.CREATED && init.pid) {
    kill(init.pid, 9);
    await init.ended;
    // It never ran, so it has not failed either.
    init.exitCode = 0;
  }
  for (const process of [init, ...execs.values()]) {
    if (process.status !== Status.CREATED) await process.ended;
  }
  faultPoint("shim.delete");
  container.oom?.[Symbol.dispose]();
  await Promise.all([removeTraces(shim, container), init.stdio?.drain(DRAIN)]);
  if (container.mounts.length) await unmountAll(`${bundle}/rootfs`);
  for (const process of [init, ...execs.values()]) {
    process.stdio?.[Symbol.dispose]();
    removeAbandonedFifos(process.execId || container.id, process.paths);
  }
  shim.containers.remove(container);
  faultPoint("shim.deleted");
  publish(shim, container, Topic.delete, {
    containerId: container.id,
    pid: init.pid,
    exitStatus: init.exitCode,
    exitedAt: init.exitedAt,
    id: "",
  });
}

function refuseRunning(process: Process): void {
  if (process.status !== Status.CREATED && process.status !== Status.STOPPED) {
    throw failedPrecondition("cannot delete a running process");
  }
}

/** Removes runc's state and the cgroups: by hand where that is all there is, else by `runc delete`. */
async function removeTraces(shim: Shim, container: Container): Promise<void> {
  const { id, runtime, facts, bundle } = container;
  if (!facts.ownPids) await killAll(container);
  const footprint = readFootprint(runtime.root, id);
  if (!footprint || footprint.resctrl || facts.stopHooks || runtime.systemdCgroup) {
    await runRunc(shim.reaper, runtime, { args: ["delete", "--force", id], log: `${bundle}/log.json` });
    return;
  }
  await removeCgroups(footprint);
  Deno.removeSync(`${runtime.root}/${id}`, { recursive: true });
}

/** Start: lets a created container's process go on, or has runc start an exec. */
import { Status } from "../api/types/task/task.ts";
import { Code, CtrError, failedPrecondition } from "../errors.ts";
import { Access, openFd, readFd, Ready } from "../sys/mod.ts";
import { type Container, inTurn, type Process } from "./container.ts";
import { exited, whileStarting } from "./exit.ts";
import { exists, removeIfThere } from "./files.ts";
import { beginGracePeriod } from "./grace_period.ts";
import { fileOf } from "./record.ts";
import { hearOom } from "./oom.ts";
import { restore } from "./restore.ts";
import { runRunc } from "./runc.ts";
import { publish, type Shim } from "./shim.ts";
import { Stdio } from "./stdio.ts";
import { Topic } from "./topics.ts";
import { specOf } from "./exec.ts";

/** Starts a process; gives its pid. Throws FailedPrecondition if it was started before. */
export function start(shim: Shim, container: Container, process: Process): Promise<number> {
  return inTurn(process, async () => {
    if (process.status !== Status.CREATED) {
      const state = process.status === Status.STOPPED ? "stopped" : "running";
      throw failedPrecondition(`cannot start a ${state} process`);
    }
    using _hold = shim.reaper.hold();
    await whileStarting(
      process,
      () => process.execId ? startExec(shim, container, process) : startInit(shim, container),
    );
    return process.pid;
  });
}

async function startInit(shim: Shim, container: Container): Promise<void> {
  const { id, init, runtime, bundle, facts, checkpoint } = container;
  const fifo = `${runtime.root}/${id}/exec.fifo`;
  if (init.pid) hearOom(shim, container);
  if (checkpoint) {
    await restore(shim, container, checkpoint);
  } else if (facts.startHooks || !exists(fifo)) {
    await runRunc(shim.reaper, runtime, { args: ["start", id], log: `${bundle}/log.json` });
  } else {
    await letGo(shim, init, fifo);
  }
  init.status = Status.RUNNING;
  publish(shim, container, Topic.start, { containerId: id, pid: init.pid });
}

/**
 * What `runc start` does, without a process of its own: the container's process waits until somebody reads its
 * FIFO, and goes on.
 */
async function letGo(shim: Shim, init: Process, fifo: string): Promise<void> {
  const fd = openFd(fifo, Access.READ | Access.NONBLOCK);
  try {
    const starting = init.starting!;
    await new Promise<void>((resolve) => {
      starting.onEnd = resolve;
      shim.epoll.arm(fd, Ready.READ, resolve);
      if (starting.ended) resolve();
    });
    // A short-lived process may have ended by now; what tells whether it went on is its byte in the FIFO.
    const word = readFd(fd, new Uint8Array(1));
    if (word !== 1) throw new CtrError(Code.Unknown, "cannot start a container whose process has ended");
  } finally {
    shim.epoll.close(fd);
  }
  Deno.removeSync(fifo);
}

async function startExec(shim: Shim, container: Container, process: Process): Promise<void> {
  const { id, runtime } = container;
  const pidFile = fileOf(container, process, "pid");
  const specFile = fileOf(container, process, "json");
  const log = fileOf(container, process, "log");
  using undo = new DisposableStack();
  const stdio = process.stdio = undo.use(new Stdio(process.paths, shim.state, runtime.io));
  await stdio.prepare(shim, container);
  Deno.writeFileSync(specFile, specOf(process), { mode: 0o600 });
  beginGracePeriod();
  try {
    await runRunc(shim.reaper, runtime, {
      args: ["exec", "--process", specFile, "--detach", "--pid-file", pidFile, ...stdio.runcArgs, id],
      log,
      descriptors: stdio.descriptors,
    });
    process.pid = Number(Deno.readTextFileSync(pidFile));
  } catch (error) {
    process.status = Status.STOPPED;
    process.exitCode = 255;
    process.end();
    throw error;
  } finally {
    for (const file of [specFile, pidFile, log]) removeIfThere(file);
  }
  stdio.connect(shim.epoll);
  undo.move();
  process.status = Status.RUNNING;
  publish(shim, container, Topic.execStarted, {
    containerId: id,
    execId: process.execId,
    pid: process.pid,
  });
  shim.reaper.watch(process.pid, (ended) => exited(shim, container, process, ended));
}

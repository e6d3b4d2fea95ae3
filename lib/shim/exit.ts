/** What follows when a process of a container has ended. */
import { Status } from "../api/types/task/task.ts";
import { faultPoint } from "../fault.ts";
import { kill } from "../sys/mod.ts";
import { processesIn, readFootprint } from "./cgroup.ts";
import type { Container, Process, Starting } from "./container.ts";
import { TO_BE_READ } from "./output.ts";
import type { Ended } from "./reaper.ts";
import { publish, type Shim } from "./shim.ts";
import { Topic } from "./topics.ts";

/** Notes the end of a process and tells everybody; after its start event, if that is still to come. */
export function exited(shim: Shim, container: Container, process: Process, ended: Ended): void {
  if (process.starting) {
    process.starting.ended = () => exited(shim, container, process, ended);
    process.starting.onEnd?.();
    return;
  }
  faultPoint("shim.exit");
  // What killed it comes before its end.
  container.oom?.check();
  process.status = Status.STOPPED;
  process.exitCode = ended.code;
  process.exitedAt = ended.at;
  if (process === container.init && !container.facts.ownPids) void killAll(container);
  whenRead(process, () => {
    publish(shim, container, Topic.exit, {
      containerId: container.id,
      id: process.execId || container.id,
      pid: process.pid,
      exitStatus: ended.code,
      exitedAt: ended.at,
    });
    process.end();
  });
}

/**
 * Clients of containerd that hear of an exit give up pipes that they have not finished opening (Go's opens them aside, on
 * a thread that has to be scheduled for it), and what is in them with that. A reader who is there but does not read must
 * not hide the exit, though.
 */
export function whenRead(
  { stdio }: { readonly stdio?: { readonly unread: boolean } },
  tell: () => void,
): void {
  const end = performance.now() + TO_BE_READ;
  const look = () => {
    if (stdio?.unread && performance.now() < end) setTimeout(look, 1);
    else tell();
  };
  look();
}

/** Tells something of a process: now, or after its start event, if that is still to come. */
export function afterStart({ starting }: Process, tell: () => void): void {
  if (starting) (starting.meanwhile ??= []).push(tell);
  else tell();
}

/** Runs a start; what happens meanwhile, an exit last, is told after `start` has told of its success. */
export async function whileStarting(process: Process, start: () => Promise<void>): Promise<void> {
  const starting: Starting = process.starting = {};
  try {
    await start();
  } finally {
    process.starting = undefined;
    for (const tell of starting.meanwhile ?? []) tell();
    starting.ended?.();
  }
}

const SIGKILL = 9;

/** Kills every process of a container, by its cgroup. */
export async function killAll(container: Container, signal = SIGKILL): Promise<void> {
  const footprint = readFootprint(container.runtime.root, container.id);
  if (!footprint) return;
  for (const pid of await processesIn(footprint)) kill(pid, signal);
}

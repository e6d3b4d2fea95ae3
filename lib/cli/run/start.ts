/** Starting a container's task, and staying with it. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import type { Any } from "../../api/google/protobuf/any.ts";
import type { Descriptor } from "../../api/types/descriptor.ts";
import type { Mount } from "../../api/types/mount.ts";
import { Code, isError, messageOf } from "../../errors.ts";
import { logLabel } from "../../labels.ts";
import type { Call } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { complain } from "../output/print.ts";
import { detachKeysFlag, parseDetachKeys } from "../process/detach_keys.ts";
import { follow, sayDetached } from "../process/follow.ts";
import { openStdio } from "../process/stdio.ts";
import { closeInput, exitOf } from "../process/task_calls.ts";
import { fit } from "../process/terminal.ts";
import { attachIfWanted } from "./network.ts";

/** A container to be started. */
export interface Start {
  readonly id: string;
  readonly labels: Record<string, string>;
  /** Of its record: whether it wants a network. */
  readonly extensions?: Record<string, Any>;
  readonly rootfs: Mount[];
  readonly terminal: boolean;
  /** Of a task that is to go on where another was. */
  readonly checkpoint?: Descriptor;
  /** Of the runtime, where they differ from the container's. */
  readonly options?: Any;
  /** Its own snapshot, if it has one. */
  readonly snapshot?: { readonly snapshotter: string; readonly key: string };
  /** What this command does while it has nothing to do: the task is being made. */
  readonly meanwhile?: () => void;
}

/** How it went: the exit code to report, and whether the task still runs. */
export interface Started {
  readonly code: number;
  readonly runs: boolean;
}

/**
 * Creates and starts the task of a container as the call's flags say (`--detach`, `--null-io`, `--log-uri`,
 * `--pid-file`, `--detach-keys`); unless detached, stays until it ends and deletes it.
 */
export async function startTask(
  daemon: Daemon,
  { flags }: Call,
  { id, labels, extensions, rootfs, terminal, checkpoint, options, meanwhile }: Start,
): Promise<Started> {
  const tasks = daemon.stub(TasksDefinition);
  const name = { containerId: id, execId: "" };
  const detach = flags.on("detach");
  using stdio = openStdio({
    id,
    terminal,
    none: detach || flags.on("null-io"),
    logUri: flags.text("log-uri") || (detach ? labels[logLabel] ?? "" : ""),
    fifoDir: flags.text("fifo-dir"),
    detachKeys: parseDetachKeys(flags.text(detachKeysFlag.name)),
  });
  stdio.copy(closeInput(daemon, stdio, name));
  const { stdin, stdout, stderr } = stdio;
  const request = { containerId: id, rootfs, stdin, stdout, stderr, terminal, checkpoint, options };
  const created = tasks.create(request);
  meanwhile?.();
  const { pid } = await created;
  let network: { detach(): Promise<void> } | undefined;
  const start = async () => {
    try {
      network = await attachIfWanted(daemon, { id, extensions }, pid);
      if (flags.text("pid-file")) await writePid(flags.text("pid-file"), pid);
      if (!detach && terminal) await fit(daemon, name);
      await tasks.start(name);
    } catch (error) {
      // What went wrong first is what to tell.
      await network?.detach().catch(() => {});
      await abandon(daemon, id);
      throw error;
    }
  };
  if (detach) {
    await start();
    return { code: 0, runs: true };
  }
  const outcome = await follow(daemon, stdio, name, { ended: () => exitOf(daemon, name), start });
  if (outcome === "detached") {
    sayDetached(daemon, name, flags.on("rm") ? "; it is not removed at its end" : "");
    return { code: 0, runs: true };
  }
  // How the container ended is worth more; its record stays, for "ctr rm" to try again.
  await network?.detach().catch((error) => complain(messageOf(error)));
  await tasks.delete({ containerId: id }).catch(unlessGone);
  return { code: outcome, runs: false };
}

/** Somebody who has attached may have deleted it first. */
function unlessGone(error: unknown): void {
  if (!isError(error, Code.NotFound)) throw error;
}

/** A file that appears whole or not at all: whoever waits for it reads a number. */
export async function writePid(path: string, pid: number): Promise<void> {
  const part = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(part, String(pid));
  await Deno.rename(part, path);
}

/** Leaves no task behind that failed to start. */
async function abandon(daemon: Daemon, containerId: string): Promise<void> {
  const tasks = daemon.stub(TasksDefinition);
  try {
    await tasks.kill({ containerId, signal: 9, all: true }).catch(() => {});
    await tasks.delete({ containerId });
  } catch (error) {
    // The first error is the one to tell; a task that is gone is as it should be.
    if (!isError(error, Code.NotFound)) return;
  }
}

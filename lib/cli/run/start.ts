/** Starting a container's task, and staying with it. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import type { Descriptor } from "../../api/types/descriptor.ts";
import type { Mount } from "../../api/types/mount.ts";
import { Code, isError } from "../../errors.ts";
import { logLabel } from "../../labels.ts";
import type { Call } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { copyStdio, exitOf, follow } from "../process/follow.ts";
import { openStdio } from "../process/stdio.ts";

/** A container to be started. */
export interface Start {
  readonly id: string;
  readonly labels: Record<string, string>;
  readonly rootfs: Mount[];
  readonly terminal: boolean;
  /** Of a task that is to go on where another was. */
  readonly checkpoint?: Descriptor;
  /** Its own snapshot, if it has one. */
  readonly snapshot?: { readonly snapshotter: string; readonly key: string };
}

/**
 * Creates and starts the task of a container as the call's flags say (`--detach`, `--null-io`, `--log-uri`,
 * `--pid-file`); unless detached, stays until it ends and deletes it. The exit code.
 */
export async function startTask(
  daemon: Daemon,
  { flags }: Call,
  { id, labels, rootfs, terminal, checkpoint }: Start,
): Promise<number> {
  const tasks = daemon.stub(TasksDefinition);
  const name = { containerId: id, execId: "" };
  const detach = flags.on("detach");
  await using stdio = await openStdio({
    id,
    terminal,
    none: detach || flags.on("null-io"),
    logUri: flags.text("log-uri") || (detach ? labels[logLabel] ?? "" : ""),
    fifoDir: flags.text("fifo-dir"),
  });
  copyStdio(daemon, stdio, name);
  const { stdin, stdout, stderr } = stdio;
  const { pid } = await tasks.create({
    containerId: id,
    rootfs,
    stdin,
    stdout,
    stderr,
    terminal,
    checkpoint,
  });
  try {
    if (flags.text("pid-file")) await writePid(flags.text("pid-file"), pid);
    const exited = detach ? undefined : exitOf(daemon, name);
    await tasks.start(name);
    if (!exited) return 0;
    const code = await follow(daemon, stdio, name, exited);
    await tasks.delete({ containerId: id });
    return code;
  } catch (error) {
    await abandon(daemon, id);
    throw error;
  }
}

/** A file that appears whole or not at all: whoever waits for it reads a number. */
async function writePid(path: string, pid: number): Promise<void> {
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

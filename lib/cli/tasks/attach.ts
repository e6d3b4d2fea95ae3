/** `ctr tasks attach`: takes over the stdio of a task that has its FIFOs still. */
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { copyStdio, exitOf, follow } from "../process/follow.ts";
import { attachStdio } from "../process/stdio.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<number> {
  const [containerId] = required(call, "a container id");
  await using daemon = await connect(call);
  const { process } = await loadTask(daemon, containerId);
  if (!await isFifo(process.stdout)) {
    throw usageError(
      `task ${containerId} has no stdio to attach to: it was started detached, or its output is logged`,
    );
  }
  const name = { containerId, execId: "" };
  await using stdio = attachStdio(process);
  const exited = exitOf(daemon, name);
  copyStdio(daemon, stdio, name);
  return await follow(daemon, stdio, name, exited);
}

const isFifo = (path: string) => Deno.stat(path).then((info) => info.isFifo === true, () => false);

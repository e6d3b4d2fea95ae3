/** `ctr tasks attach`: takes over the stdio of a process that has its FIFOs still. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { detachKeysFlag, parseDetachKeys } from "../process/detach_keys.ts";
import { follow, type ProcessName, sayDetached } from "../process/follow.ts";
import { attachStdio } from "../process/stdio.ts";
import { closeInput, exitOf } from "../process/task_calls.ts";
import { redraw } from "../process/terminal.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<number> {
  const [containerId] = required(call, "a container id");
  const execId = call.flags.text("exec-id");
  const keys = parseDetachKeys(call.flags.text(detachKeysFlag.name));
  await using daemon = await connect(call);
  const { process } = await loadTask(daemon, containerId, execId);
  if (!await isFifo(process.stdout)) {
    throw usageError(
      `${execId ? `process ${execId} of ` : "task "}${containerId} has no stdio to attach to: ` +
        "it was started detached, or its output is logged",
    );
  }
  const name = { containerId, execId };
  using stdio = attachStdio(execId || containerId, process, keys);
  // Whoever has only piped something in leaves the input open for the next.
  stdio.copy(Deno.stdin.isTerminal() ? closeInput(daemon, stdio, name) : () => Promise.resolve());
  const start = () => process.terminal ? redraw(daemon, name) : Promise.resolve();
  const outcome = await follow(daemon, stdio, name, { ended: () => exitOf(daemon, name), start });
  if (outcome === "detached") {
    sayDetached(daemon, name);
    return 0;
  }
  await remove(daemon, name);
  return outcome;
}

const isFifo = (path: string) => Deno.stat(path).then((info) => info.isFifo === true, () => false);

/** As Go's attach does; whoever started it may be quicker. */
async function remove(daemon: Daemon, { containerId, execId }: ProcessName): Promise<void> {
  const tasks = daemon.stub(TasksDefinition);
  try {
    await (execId ? tasks.deleteProcess({ containerId, execId }) : tasks.delete({ containerId }));
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
  }
}

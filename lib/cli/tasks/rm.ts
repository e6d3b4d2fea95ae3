/** `ctr tasks rm` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Status } from "../../api/types/task/task.ts";
import { removeFifos } from "../../sys/fifo.ts";
import { Code, failedPrecondition, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { forEach } from "../each.ts";
import { complain } from "../output/print.ts";
import { detachByName } from "../run/network.ts";
import { loadTask } from "./load.ts";

const sigkill = 9;

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a container id");
  const execId = call.flags.text("exec-id");
  await using daemon = await connect(call);
  await forEach(ids, async (containerId) => {
    const { process } = await loadTask(daemon, containerId, execId);
    if (call.flags.on("force")) await end(daemon, containerId, execId);
    else if (process.status !== Status.STOPPED && process.status !== Status.CREATED) {
      const what = execId ? "process" : "task";
      throw failedPrecondition(
        `unable to delete ${containerId}: ${what} must be stopped before deletion: ${
          Status[process.status].toLowerCase()
        }`,
      );
    }
    const { exitStatus } = await remove(daemon, containerId, execId);
    if (!execId) await detachByName(daemon, containerId);
    removeFifos(execId || containerId, process);
    if (exitStatus) complain(`task ${containerId} exit with non-zero exit code ${exitStatus}`);
  });
}

function remove(daemon: Daemon, containerId: string, execId: string) {
  const tasks = daemon.stub(TasksDefinition);
  return execId ? tasks.deleteProcess({ containerId, execId }) : tasks.delete({ containerId });
}

/** Kills a process and waits for its end; one that has ended, or never began, needs no killing. */
async function end(daemon: Daemon, containerId: string, execId: string): Promise<void> {
  const tasks = daemon.stub(TasksDefinition);
  const ended = tasks.wait({ containerId, execId });
  ended.catch(() => {});
  try {
    await tasks.kill({ containerId, execId, signal: sigkill, all: !execId });
    await ended;
  } catch (error) {
    if (!isError(error, Code.NotFound) && !isError(error, Code.FailedPrecondition)) throw error;
  }
}

/** The task of a container. */
import { type Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import type { Process } from "../../api/types/task/task.ts";
import { Code, isError, messageOf, notFound } from "../../errors.ts";
import type { Daemon } from "../connect.ts";

/** A container and its task. Throws NotFound, which says which of them is missing. */
export async function loadTask(
  daemon: Daemon,
  containerId: string,
  execId = "",
): Promise<{ container: Container; process: Process }> {
  const asked = daemon.stub(TasksDefinition).get({ containerId, execId });
  asked.catch(() => {});
  const { container } = await daemon.stub(ContainersDefinition).get({ id: containerId });
  try {
    return { container: container!, process: (await asked).process! };
  } catch (error) {
    if (isError(error, Code.NotFound)) throw notFound(`no running task found: ${messageOf(error)}`);
    throw error;
  }
}

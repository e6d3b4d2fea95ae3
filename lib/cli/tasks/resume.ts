/** `ctr tasks resume` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const [containerId] = required(call, "a container id");
  await using daemon = await connect(call);
  await loadTask(daemon, containerId);
  await daemon.stub(TasksDefinition).resume({ containerId });
}

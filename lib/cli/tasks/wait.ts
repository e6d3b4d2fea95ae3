/** `ctr tasks wait`: prints the exit code of each, in the order they were asked for. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a container id");
  const execId = call.flags.text("exec-id");
  await using daemon = await connect(call);
  const exits = ids.map(async (containerId) => {
    await loadTask(daemon, containerId, execId);
    return await daemon.stub(TasksDefinition).wait({ containerId, execId });
  });
  exits.forEach((exit) => exit.catch(() => {}));
  for (const exit of exits) print(`${(await exit).exitStatus}\n`);
}

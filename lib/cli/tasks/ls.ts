/** `ctr tasks ls` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Status } from "../../api/types/task/task.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { printTable, wide } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { tasks } = await daemon.stub(TasksDefinition).list({});
  if (call.flags.on("quiet")) return print(tasks.map(({ id }) => id + "\n").join(""));
  printTable([
    "TASK\tPID\tSTATUS\t",
    ...tasks.map(({ id, pid, status }) => `${id}\t${pid}\t${Status[status]}`),
  ], wide);
}

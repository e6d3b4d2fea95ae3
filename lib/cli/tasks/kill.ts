/** `ctr tasks kill` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { stopSignalLabel } from "../../labels.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { parseSignal } from "../process/signals.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const [containerId] = required(call, "a container id");
  const { flags } = call;
  const execId = flags.text("exec-id");
  const all = flags.on("all");
  if (all && execId) throw usageError("specify an exec-id or all; not both");
  const named = flags.text("signal");
  if (named) parseSignal(named);
  await using daemon = await connect(call);
  const { container } = await loadTask(daemon, containerId);
  const signal = parseSignal(named || container.labels[stopSignalLabel] || "TERM");
  await daemon.stub(TasksDefinition).kill({ containerId, execId, signal, all });
}

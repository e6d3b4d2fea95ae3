/** `ctr tasks ps` */
import type { Any } from "../../api/google/protobuf/any.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { ProcessDetails } from "../../api/types/runc/options/oci.ts";
import { nameOf } from "../../rpc/any.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { printTable, wide } from "../output/table.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const [containerId] = required(call, "a container id");
  await using daemon = await connect(call);
  await loadTask(daemon, containerId);
  const { processes } = await daemon.stub(TasksDefinition).listPids({ containerId });
  const lines = processes.map(({ pid, info }) => `${pid}\t${describe(info)}`);
  printTable(["PID\tINFO", ...lines], wide);
}

/** What is known of a process: which exec it is of. */
function describe(info: Any | undefined): string {
  if (!info) return "-";
  if (nameOf(info.typeUrl) !== "containerd.runc.v1.ProcessDetails") return info.typeUrl;
  return `exec_id:${JSON.stringify(ProcessDetails.decode(info.value).execId)}`;
}

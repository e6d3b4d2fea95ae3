/** `ctr containers checkpoint` */
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";

export async function run(call: Call): Promise<void> {
  const { flags } = call;
  const [id, name] = requiredTwo(call, "a container id", "a name for the checkpoint");
  await using daemon = await connect(call);
  const { checkpointContainer } = await import("../../client/checkpoint.ts");
  const task = flags.on("task") ? { exit: flags.on("exit") } : undefined;
  await checkpointContainer(daemon, id, name, { task, image: flags.on("image"), rw: flags.on("rw") });
}

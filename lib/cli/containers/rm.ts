/** `ctr containers rm` */
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { removeContainer } from "./remove.ts";

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a container id");
  const snapshot = call.flags.on("keep-snapshot") ? "keep" : "remove";
  await using daemon = await connect(call);
  await forEach(ids, (id) => removeContainer(daemon, id, { snapshot }));
}

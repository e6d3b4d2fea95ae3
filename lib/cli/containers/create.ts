/** `ctr containers create` */
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { createContainer } from "../run/create.ts";

export async function run(call: Call): Promise<void> {
  requiredTwo(call, "an image", "a container id");
  await using daemon = await connect(call);
  await createContainer(daemon, call);
}

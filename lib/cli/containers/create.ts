/** `ctr containers create` */
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { createContainer, namedIn } from "../run/create.ts";

export async function run(call: Call): Promise<void> {
  namedIn(call);
  await using daemon = await connect(call);
  await createContainer(daemon, call);
}

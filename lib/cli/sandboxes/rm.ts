/** `ctr sandboxes rm` */
import { StoreDefinition } from "../../api/services/sandbox/v1/sandbox.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a sandbox");
  await using daemon = await connect(call);
  const sandboxes = daemon.stub(StoreDefinition);
  await forEach(ids, async (sandboxId) => {
    await sandboxes.delete({ sandboxId });
    print(sandboxId + "\n");
  });
}

/** `ctr leases rm` */
import { LeasesDefinition } from "../../api/services/leases/v1/leases.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a lease id");
  await using daemon = await connect(call);
  const leases = daemon.stub(LeasesDefinition);
  await forEach(ids, async (id) => {
    // Only the last one waits for the collector: it collects what all of them held.
    await leases.delete({ id, sync: call.flags.on("sync") && id === ids.at(-1) });
    print(id + "\n");
  });
}

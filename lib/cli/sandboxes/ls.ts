/** `ctr sandboxes ls` */
import { StoreDefinition } from "../../api/services/sandbox/v1/sandbox.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { goTime } from "../output/ages.ts";
import { printTable } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { list } = await daemon.stub(StoreDefinition).list({ filters: call.flags.list("filters") });
  const lines = list.map(({ sandboxId, createdAt, runtime }) =>
    `${sandboxId}\t${goTime(createdAt)}\t${runtime?.name ?? ""}\t`
  );
  printTable(["ID\tCREATED\tRUNTIME\t", ...lines]);
}

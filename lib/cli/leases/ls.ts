/** `ctr leases ls` */
import { LeasesDefinition } from "../../api/services/leases/v1/leases.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { rfc3339Seconds } from "../output/ages.ts";
import { labelText } from "../output/labels.ts";
import { print } from "../output/print.ts";
import { printTable } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { leases } = await daemon.stub(LeasesDefinition).list({ filters: [...call.args] });
  if (call.flags.on("quiet")) return print(leases.map(({ id }) => id + "\n").join(""));
  const lines = leases.map(({ id, createdAt, labels }) =>
    `${id}\t${rfc3339Seconds(createdAt)}\t${labelText(labels) || "-"}\t`
  );
  printTable(["ID\tCREATED AT\tLABELS\t", ...lines]);
}

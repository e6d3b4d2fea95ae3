/** `ctr containers ls` */
import { ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { printTable, wide } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { containers } = await daemon.stub(ContainersDefinition).list({ filters: [...call.args] });
  if (call.flags.on("quiet")) return print(containers.map(({ id }) => id + "\n").join(""));
  const lines = containers.map(({ id, image, runtime }) =>
    `${id}\t${image || "-"}\t${runtime?.name ?? ""}\t`
  );
  printTable(["CONTAINER\tIMAGE\tRUNTIME\t", ...lines], wide);
}

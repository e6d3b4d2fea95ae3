/** `ctr content active` */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { age } from "../output/ages.ts";
import { decimalSize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  const [pattern] = call.args;
  await using daemon = await connect(call);
  const { statuses } = await daemon.stub(ContentDefinition).listStatuses({
    filters: pattern ? [`ref~=${JSON.stringify(pattern)}`] : [],
  });
  const lines = statuses.map(({ ref, offset, startedAt }) =>
    `${ref}\t${decimalSize(offset)}\t${age(startedAt)}\t`
  );
  printTable(["REF\tSIZE\tAGE\t", ...lines], { min: 1, tab: 8, padding: 0, pad: "\t" });
}

/** `ctr content ls` */
import { ContentDefinition, type Info } from "../../api/services/content/v1/content.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { age } from "../output/ages.ts";
import { labelText } from "../output/labels.ts";
import { print } from "../output/print.ts";
import { decimalSize } from "../output/sizes.ts";
import { printTable, tabbed } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const blobs: Info[] = [];
  for await (const { info } of daemon.stub(ContentDefinition).list({ filters: [...call.args] })) {
    blobs.push(...info);
  }
  if (call.flags.on("quiet")) return print(blobs.map(({ digest }) => digest + "\n").join(""));
  const lines = blobs.map(({ digest, size, createdAt, labels }) =>
    `${digest}\t${decimalSize(size)}\t${age(createdAt)}\t${labelText(labels) || "-"}`
  );
  printTable(["DIGEST\tSIZE\tAGE\tLABELS", ...lines], tabbed);
}

/** `ctr system df` */
import { type DiskItem, type DiskTotal, diskUsage } from "../../client/maintenance.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { binarySize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";

const titles: Readonly<Record<string, string>> = {
  image: "Images",
  snapshot: "Snapshots",
  content: "Content",
  ingest: "Ingests",
};

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { totals, items } = await diskUsage(daemon, daemon.globals.signal);
  printTable(["TYPE\tCOUNT\tSIZE\tRECLAIMABLE\t", ...totals.map(totalLine)]);
  if (!call.flags.on("verbose")) return;
  for (const { kind } of totals) {
    const own = items.filter((item) => item.kind === kind);
    if (!own.length) continue;
    print(`\n${titles[kind] ?? kind}:\n`);
    printTable(["NAME\tSIZE\tRECLAIMABLE\t", ...own.map(itemLine)]);
  }
}

function totalLine({ kind, count, size, reclaimable }: DiskTotal): string {
  const percent = size > 0n ? ` (${reclaimable * 100n / size}%)` : "";
  return `${titles[kind] ?? kind}\t${count}\t${binarySize(size)}\t${binarySize(reclaimable)}${percent}\t`;
}

const itemLine = ({ name, snapshotter, size, reclaimable }: DiskItem) =>
  `${snapshotter ? `${snapshotter}/` : ""}${name}\t${binarySize(size)}\t${reclaimable}\t`;

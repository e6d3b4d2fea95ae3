/** `ctr prune` */
import { type DiskItem, prune } from "../client/maintenance.ts";
import type { Call } from "./command.ts";
import { connect } from "./connect.ts";
import { print } from "./output/print.ts";
import { binarySize } from "./output/sizes.ts";
import { printTable } from "./output/table.ts";

export async function run(call: Call): Promise<void> {
  const dryRun = call.flags.on("dry-run");
  await using daemon = await connect(call);
  const items = await prune(daemon, { all: call.flags.on("all"), dryRun, signal: daemon.globals.signal });
  if (items.length) printTable(["TYPE\tNAME\tSIZE\t", ...items.map(line)]);
  const bytes = items.reduce((sum, { size }) => sum + size, 0n);
  print(`${dryRun ? "would free" : "freed"} ${binarySize(bytes)}\n`);
}

const line = ({ kind, name, snapshotter, size }: DiskItem) =>
  `${kind}\t${snapshotter ? `${snapshotter}/` : ""}${name}\t${binarySize(size)}\t`;

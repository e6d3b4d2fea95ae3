/** `ctr snapshots ls` */
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { printTable } from "../output/table.ts";
import { kindName, listSnapshots, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const snapshots = await listSnapshots(daemon, snapshotterOf(call), [...call.args]);
  const lines = snapshots.map(({ name, parent, kind }) => `${name}\t${parent}\t${kindName[kind]}\t`);
  printTable(["KEY\tPARENT\tKIND\t", ...lines]);
}

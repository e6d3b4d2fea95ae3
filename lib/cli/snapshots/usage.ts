/** `ctr snapshots usage` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { binarySize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";
import { listSnapshots, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const snapshotter = snapshotterOf(call);
  await using daemon = await connect(call);
  const keys = call.args.length
    ? call.args
    : (await listSnapshots(daemon, snapshotter)).map(({ name }) => name);
  const snapshots = daemon.stub(SnapshotsDefinition);
  const lines: string[] = [];
  for (const key of keys) {
    const { size, inodes } = await snapshots.usage({ snapshotter, key });
    lines.push(`${key}\t${call.flags.on("b") ? size : binarySize(size)}\t${inodes}\t`);
  }
  printTable(["KEY\tSIZE\tINODES\t", ...lines]);
}

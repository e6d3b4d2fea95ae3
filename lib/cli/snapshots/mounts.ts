/** `ctr snapshots mounts` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { printMountCommands, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [target, key] = requiredTwo(call, "a target", "a snapshot");
  await using daemon = await connect(call);
  const { mounts } = await daemon.stub(SnapshotsDefinition).mounts({ snapshotter: snapshotterOf(call), key });
  printMountCommands(target, mounts);
}

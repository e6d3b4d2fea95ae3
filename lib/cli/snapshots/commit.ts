/** `ctr snapshots commit` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { rootLabel, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [name, key] = requiredTwo(call, "a name", "an active snapshot");
  await using daemon = await connect(call);
  await daemon.stub(SnapshotsDefinition).commit({
    snapshotter: snapshotterOf(call),
    name,
    key,
    labels: rootLabel(),
    noSync: call.flags.on("no-sync"),
  });
}

/** `ctr snapshots view` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { rootLabel, showMounts, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [key, parent = ""] = required(call, "a key");
  await using daemon = await connect(call);
  const snapshots = daemon.stub(SnapshotsDefinition);
  const { mounts } = await snapshots.view({
    snapshotter: snapshotterOf(call),
    key,
    parent,
    labels: rootLabel(),
  });
  showMounts(call, mounts);
}

/** `ctr snapshots rm` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { codeOf, CtrError, messageOf } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const keys = required(call, "a snapshot");
  await using daemon = await connect(call);
  const snapshots = daemon.stub(SnapshotsDefinition);
  await forEach(keys, async (key) => {
    try {
      await snapshots.remove({ snapshotter: snapshotterOf(call), key });
    } catch (error) {
      const what = `failed to remove ${JSON.stringify(key)}: ${messageOf(error)}`;
      throw new CtrError(codeOf(error), what, { cause: error });
    }
  });
}

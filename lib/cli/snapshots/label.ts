/** `ctr snapshots label` */
import { Info, SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { complete } from "../../rpc/service.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { labelMask, labelText, parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";
import { snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [name, ...words] = requiredTwo(call, "a snapshot", "a label");
  const labels = parseLabels(words);
  await using daemon = await connect(call);
  const { info } = await daemon.stub(SnapshotsDefinition).update({
    snapshotter: snapshotterOf(call),
    info: complete(Info, { name, labels }),
    updateMask: labelMask(labels),
  });
  print(labelText(info?.labels ?? {}) + "\n");
}

/** `ctr snapshots info` */
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { rfc3339 } from "../output/ages.ts";
import { indentJson, mapOf, objectOf, quote } from "../output/json.ts";
import { print } from "../output/print.ts";
import { kindName, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [key] = required(call, "a snapshot");
  await using daemon = await connect(call);
  const { info } = await daemon.stub(SnapshotsDefinition).stat({ snapshotter: snapshotterOf(call), key });
  print(
    indentJson(objectOf({
      Kind: quote(kindName[info!.kind]),
      Name: quote(info!.name),
      Parent: info!.parent ? quote(info!.parent) : undefined,
      Labels: mapOf(info!.labels),
      Created: quote(rfc3339(info!.createdAt)),
      Updated: quote(rfc3339(info!.updatedAt)),
    })) + "\n",
  );
}

/** `ctr tasks start` */
import type { Any } from "../../api/google/protobuf/any.ts";
import { type Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { Options } from "../../api/types/runc/options/oci.ts";
import { markStopped } from "../../client/stop.ts";
import { restartLabels } from "../../labels.ts";
import { anyOf } from "../../rpc/any.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseExact } from "../process/json.ts";
import { startTask } from "../run/start.ts";

export async function run(call: Call): Promise<number> {
  const [id] = required(call, "a container id");
  await using daemon = await connect(call);
  const { container } = await daemon.stub(ContainersDefinition).get({ id });
  const { snapshotter, snapshotKey: key, spec, labels, extensions } = container!;
  const { mounts } = key
    ? await daemon.stub(SnapshotsDefinition).mounts({ snapshotter, key })
    : { mounts: [] };
  if (labels[restartLabels.stopped]) await markStopped(daemon, container!, "", {});
  const process = parseExact(new TextDecoder().decode(spec?.value)).process;
  const terminal = process?.terminal === true;
  const options = call.flags.on("no-pivot") ? withoutPivot(container!) : undefined;
  const start = { id, labels, extensions, rootfs: mounts, terminal, options };
  return (await startTask(daemon, call, start)).code;
}

/** The container's own options for the runtime, and no pivot_root. */
function withoutPivot({ runtime }: Container): Any {
  const own = Options.decode(runtime?.options?.value ?? new Uint8Array());
  return anyOf("containerd.runc.v1.Options", Options, { ...own, noPivotRoot: true });
}

/** `ctr images unmount` */
import { unmountImage } from "../../client/image_mounts.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const [target] = required(call, "a directory to unmount from");
  await using daemon = await connect(call);
  const snapshotter = call.flags.text("snapshotter") || defaultSnapshotter;
  await unmountImage(daemon, target, { snapshotter, remove: call.flags.on("rm") });
  print(target + "\n");
}

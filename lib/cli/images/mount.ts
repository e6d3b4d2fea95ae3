/** `ctr images mount` */
import { Image } from "../../client/image.ts";
import { mountImage } from "../../client/image_mounts.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseDuration } from "../duration.ts";
import { defaultSnapshotter } from "../flags.ts";
import { print } from "../output/print.ts";
import { findImage } from "./lookup.ts";

export async function run(call: Call): Promise<void> {
  const [name, target] = requiredTwo(call, "an image reference to mount", "a directory to mount it on");
  const { flags } = call;
  await using daemon = await connect(call);
  const image = new Image(daemon, await findImage(daemon, name), flags.text("platform") || undefined);
  const chainId = await mountImage(daemon, image, target, {
    snapshotter: flags.text("snapshotter") || defaultSnapshotter,
    writable: flags.on("rw"),
    expires: parseDuration(flags.text("expiration")),
    signal: call.globals.signal,
  });
  print(`${chainId}\n${target}\n`);
}

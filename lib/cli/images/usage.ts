/** `ctr images usage` */
import { Image } from "../../client/image.ts";
import { failedPrecondition } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { binarySize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";
import { findImage } from "./lookup.ts";

export async function run(call: Call): Promise<void> {
  const [name] = required(call, "an image reference");
  const snapshotter = call.flags.text("snapshotter") || defaultSnapshotter;
  await using daemon = await connect(call);
  const image = new Image(daemon, await findImage(daemon, name));
  if (!await image.isUnpacked(snapshotter)) {
    throw failedPrecondition(`image ${image.name} isn't unpacked in snapshotter ${snapshotter}`);
  }
  const lines = (await image.usage({ snapshotter })).map(({ key, size, inodes }) =>
    `${key}\t${binarySize(size)}\t${inodes}\t`
  );
  printTable(["KEY\tSIZE\tINODES\t", ...lines]);
}

/** `ctr images ls` */
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { labelText } from "../output/labels.ts";
import { complain, print } from "../output/print.ts";
import { binarySize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";
import type { Image } from "../../api/services/images/v1/images.ts";
import { messageOf } from "../../errors.ts";
import { platformsOf, sizeOf } from "./contents.ts";
import { selectImages } from "./select.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const images = await selectImages(daemon, call.args);
  if (call.flags.on("quiet")) return print(images.map(({ name }) => name + "\n").join(""));
  const lines = await Promise.all(images.map((image) => line(daemon, image)));
  printTable(["REF\tTYPE\tDIGEST\tSIZE\tPLATFORMS\tLABELS\t", ...lines]);
}

async function line(daemon: Daemon, { name, target, labels }: Image): Promise<string> {
  const or = <T>(fallback: T, what: string) => (error: unknown) => {
    complain(`failed ${what} for image ${name}: ${messageOf(error)}`);
    return fallback;
  };
  const [size, platforms] = await Promise.all([
    sizeOf(daemon, target!).catch(or(0n, "calculating size")),
    platformsOf(daemon, target!).catch(or([] as string[], "resolving platform")),
  ]);
  const shown = [name, target!.mediaType, target!.digest, binarySize(size), platforms.join(",") || "-"];
  return [...shown, labelText(labels) || "-", ""].join("\t");
}

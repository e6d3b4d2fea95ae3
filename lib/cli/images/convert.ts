/** `ctr images convert` */
import type { ConvertOptions } from "../../client/convert.ts";
import { Image } from "../../client/image.ts";
import { requiredTwo } from "../arguments.ts";
import { type Call, type Flags, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { hostPlatform, platformText } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { findImage } from "./lookup.ts";
import { canonicalReference } from "./reference.ts";

export async function run(call: Call): Promise<void> {
  const [source, target] = requiredTwo(call, "a source reference", "a target reference");
  const options = optionsOf(call.flags);
  await using daemon = await connect(call);
  const image = new Image(daemon, await findImage(daemon, source));
  const name = await canonicalReference(target);
  const made = await image.convert(name, { ...options, signal: call.globals.signal });
  print(made.digest + "\n");
}

function optionsOf(flags: Flags): ConvertOptions {
  const all = flags.on("all-platforms");
  if (all && flags.has("platform")) {
    throw usageError("--all-platforms and --platform cannot be specified together");
  }
  const named = flags.list("platform");
  return {
    compression: oneOf(flags, { uncompress: "uncompressed", gzip: "gzip", zstd: "zstd" }),
    format: oneOf(flags, { oci: "oci", docker: "docker" }),
    platforms: all ? undefined : named.length ? named : [platformText(hostPlatform())],
  };
}

/** What the one flag given of several stands for. */
function oneOf<T extends string>(flags: Flags, choices: Readonly<Record<string, T>>): T | undefined {
  const given = Object.keys(choices).filter((name) => flags.on(name));
  if (given.length > 1) {
    throw usageError(`--${given[0]} and --${given[1]} cannot be specified together`);
  }
  return given[0] === undefined ? undefined : choices[given[0]];
}

/** `ctr containers commit`: an image of a container as it is now. */
import { commitContainer } from "../../client/commit.ts";
import type { LayerCompression } from "../../client/media_types.ts";
import { requiredTwo } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { canonicalReference } from "../images/reference.ts";
import { parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";

const compressions: readonly string[] = ["gzip", "zstd", "uncompressed"] satisfies LayerCompression[];

export async function run(call: Call): Promise<void> {
  const [id, reference] = requiredTwo(call, "a container", "a reference for the image");
  const { flags } = call;
  const compression = flags.text("compression");
  if (!compressions.includes(compression)) {
    throw usageError(`--compression ${compression} is none of ${compressions.join(", ")}`);
  }
  const name = await canonicalReference(reference);
  await using daemon = await connect(call);
  const image = await commitContainer(daemon, id, name, {
    author: flags.text("author"),
    message: flags.text("message"),
    compression: compression as LayerCompression,
    pause: !flags.on("no-pause"),
    labels: parseLabels(flags.list("label")),
    signal: call.globals.signal,
  });
  print(`${image.name}\n${image.target!.digest}\n`);
}

/** `ctr images label` */
import { Image, ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { complete } from "../../rpc/service.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { labelMask, labelText, parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const [name, ...words] = required(call, "an image");
  const labels = parseLabels(words);
  const replace = call.flags.on("replace-all");
  if (!words.length && !replace) {
    throw usageError(`please provide a label for image ${JSON.stringify(name)}: key=value`);
  }
  await using daemon = await connect(call);
  const { image } = await daemon.stub(ImagesDefinition).update({
    image: complete(Image, { name, labels }),
    updateMask: replace ? ["labels"] : labelMask(labels),
  });
  print(labelText(image?.labels ?? {}) + "\n");
}

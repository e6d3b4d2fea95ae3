/** `ctr content label` */
import { ContentDefinition, Info } from "../../api/services/content/v1/content.ts";
import { complete } from "../../rpc/service.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { labelMask, labelText, parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";
import { parseDigest } from "./digest.ts";

export async function run(call: Call): Promise<void> {
  const [digest, ...words] = requiredTwo(call, "a digest", "a label");
  const labels = parseLabels(words);
  await using daemon = await connect(call);
  const { info } = await daemon.stub(ContentDefinition).update({
    info: complete(Info, { digest: parseDigest(digest), labels }),
    updateMask: labelMask(labels),
  });
  print(labelText(info?.labels ?? {}) + "\n");
}

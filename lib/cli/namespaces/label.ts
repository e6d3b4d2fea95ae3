/** `ctr namespaces label` */
import { NamespacesDefinition } from "../../api/services/namespaces/v1/namespace.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { labelMask, parseLabels } from "../output/labels.ts";

export async function run(call: Call): Promise<void> {
  const [name, ...words] = required(call, "a namespace");
  const labels = parseLabels(words);
  if (words.length === 0) {
    throw usageError(`please provide a label for namespace ${JSON.stringify(name)}: key=value`);
  }
  await using daemon = await connect(call);
  await daemon.stub(NamespacesDefinition).update({
    namespace: { name, labels },
    updateMask: labelMask(labels),
  });
}

/** `ctr containers label` */
import { Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { complete } from "../../rpc/service.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { labelMask, labelText, parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const [id, ...words] = requiredTwo(call, "a container", "a label");
  const labels = parseLabels(words);
  await using daemon = await connect(call);
  const { container } = await daemon.stub(ContainersDefinition).update({
    container: complete(Container, { id, labels }),
    updateMask: labelMask(labels),
  });
  print(labelText(container?.labels ?? {}) + "\n");
}

/** `ctr namespaces create` */
import { NamespacesDefinition } from "../../api/services/namespaces/v1/namespace.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseLabels } from "../output/labels.ts";

export async function run(call: Call): Promise<void> {
  const [name, ...labels] = required(call, "a namespace");
  await using daemon = await connect(call);
  await daemon.stub(NamespacesDefinition).create({ namespace: { name, labels: parseLabels(labels) } });
}

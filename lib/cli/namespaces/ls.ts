/** `ctr namespaces ls` */
import { NamespacesDefinition } from "../../api/services/namespaces/v1/namespace.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { labelText } from "../output/labels.ts";
import { print } from "../output/print.ts";
import { printTable } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { namespaces } = await daemon.stub(NamespacesDefinition).list({});
  if (call.flags.on("quiet")) return print(namespaces.map(({ name }) => name + "\n").join(""));
  const lines = namespaces.map(({ name, labels }) => `${name}\t${labelText(labels)}\t`);
  printTable(["NAME\tLABELS\t", ...lines]);
}

/** `ctr deprecations list` */
import {
  type DeprecationWarning,
  IntrospectionDefinition,
} from "../../api/services/introspection/v1/introspection.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { rfc3339 } from "../output/ages.ts";
import { indentJson, objectOf, quote } from "../output/json.ts";
import { print } from "../output/print.ts";
import { printTable } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  const format = call.flags.text("format") || "default";
  if (format !== "default" && format !== "json") {
    throw usageError(`unknown format ${JSON.stringify(format)}: default or json`);
  }
  await using daemon = await connect(call);
  const { deprecations } = await daemon.stub(IntrospectionDefinition).server({});
  if (format === "json") return print(indentJson(`[${deprecations.map(asJson).join(",")}]`) + "\n");
  if (deprecations.length === 0) return;
  printTable(["ID\tLAST OCCURRENCE\tMESSAGE\t", ...deprecations.map(line)]);
}

const line = ({ id, lastOccurrence, message }: DeprecationWarning) =>
  `${id}\t${rfc3339(lastOccurrence)}\t${message}\t`;

const asJson = ({ id, message, lastOccurrence }: DeprecationWarning) =>
  objectOf({ id: quote(id), message: quote(message), lastOccurrence: quote(rfc3339(lastOccurrence)) });

/** `ctr info` */
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import type { Call } from "./command.ts";
import { connect } from "./connect.ts";
import { rfc3339 } from "./output/ages.ts";
import { indentJson, objectOf, quote } from "./output/json.ts";
import { print } from "./output/print.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { uuid, pid, pidns, deprecations } = await daemon.stub(IntrospectionDefinition).server({});
  const warnings = deprecations.map(({ id, message, lastOccurrence }) =>
    objectOf({ id: quote(id), message: quote(message), last_occurrence: quote(rfc3339(lastOccurrence)) })
  );
  const server = objectOf({
    uuid: quote(uuid),
    pid: `${pid}`,
    pidns: `${pidns}`,
    deprecations: warnings.length ? `[${warnings.join(",")}]` : undefined,
  });
  print(indentJson(objectOf({ server })) + "\n");
}

/** `ctr oci spec` */
import type { Call } from "../command.ts";
import { indentJson, quote } from "../output/json.ts";
import { print } from "../output/print.ts";
import { defaultSpec } from "../../oci/mod.ts";

export function run({ globals: { namespace } }: Call): Promise<void> {
  const spec = defaultSpec(namespace, "");
  // There is no container to name the last part of it.
  print(indentJson(quote({ ...spec, linux: { ...spec.linux, cgroupsPath: `/${namespace}` } })) + "\n");
  return Promise.resolve();
}

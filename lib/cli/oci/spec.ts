/** `ctr oci spec` */
import { defaultSpec } from "../../oci/mod.ts";
import type { Call } from "../command.ts";
import { indentJson } from "../output/json.ts";
import { print } from "../output/print.ts";

export function run({ globals: { namespace } }: Call): Promise<void> {
  const spec = defaultSpec(namespace, "");
  spec.process.args = ["sh"];
  // It belongs to no container yet: the runtime names the cgroup.
  delete spec.linux.cgroupsPath;
  print(indentJson(JSON.stringify(spec)) + "\n");
  return Promise.resolve();
}

/** Names of registries as users write them. */
import { type Call, usageError } from "../command.ts";
import { required } from "../arguments.ts";

/** The host that a command is about: without a scheme and a path; docker's own registry has one name. */
export function registryHost(call: Call): string {
  const [typed] = required(call, "a registry's host name");
  const host = typed.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (!/^(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d{1,5})?$/.test(host)) {
    throw usageError(`${JSON.stringify(typed)} is not a host name`);
  }
  return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

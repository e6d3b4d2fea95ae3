/** `ctr logout` */
import { removeLogin } from "../remotes/mod.ts";
import type { Call } from "./command.ts";
import { print } from "./output/print.ts";
import { registryHost } from "./registry/host.ts";

export async function run(call: Call): Promise<void> {
  const host = registryHost(call);
  const where = await removeLogin(host);
  print(where ? `logged out of ${host} (${where} has forgotten it)\n` : `not logged in to ${host}\n`);
}

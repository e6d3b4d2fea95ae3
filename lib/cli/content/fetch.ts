/** `ctr content fetch` */
import type { Call } from "../command.ts";
import { pull } from "../images/pull.ts";

export async function run(call: Call): Promise<void> {
  await pull(call, { unpack: false });
}

/** `ctr shim`: the process that watches over containers. The daemon starts it, not a person. */
import type { Call } from "./command.ts";

export async function run({ args }: Call): Promise<void> {
  const { runShim } = await import("../shim/mod.ts");
  await runShim([...args]);
}

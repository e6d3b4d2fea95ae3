/** `ctr daemon`: serves until it is told to end. */
import type { Call } from "./command.ts";

export async function run({ flags }: Call): Promise<void> {
  const { runDaemon } = await import("../daemon/mod.ts");
  const given = (name: string) => flags.text(name) || undefined;
  await runDaemon({
    config: given("config"),
    root: given("root"),
    state: given("state"),
    address: given("address"),
    logLevel: given("log-level"),
  });
}

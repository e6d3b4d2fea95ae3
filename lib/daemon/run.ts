/** `ctr daemon`: serves until SIGTERM or SIGINT. */
import { type Flags, loadConfig } from "./config.ts";
import { serve } from "./serve.ts";

/** Runs a daemon until it is told to end. Throws what {@linkcode serve} throws. */
export async function runDaemon(flags: Flags): Promise<void> {
  const told = Promise.withResolvers<Deno.Signal>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => told.resolve(signal));
  }
  await using daemon = await serve(await loadConfig(flags));
  daemon.log("info", "ending", { signal: await told.promise });
}

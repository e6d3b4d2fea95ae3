/** The program `ctr`: command line, daemon and shim in one. */
import { main } from "./lib/cli/mod.ts";

if (import.meta.main) {
  // Not awaited: modules that a command loads may be part of this file (see scripts/build/join.ts), and would
  // wait for it to end.
  Deno.exitCode = 1;
  main(Deno.args).then(Deno.exit);
}

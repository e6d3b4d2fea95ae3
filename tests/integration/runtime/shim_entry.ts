/** The shim alone, from source: what `ctr shim` runs. */
import { runShim } from "../../../lib/shim/mod.ts";

await runShim(Deno.args.slice(1));

/**
 * `deno task build [--output FILE]`: writes dist/ctr, one file to drop on a host.
 *
 * It is a native executable where `deno compile` has its base, `denort` (named by DENORT_BIN, in Deno's cache,
 * or downloaded). Where it hasn't, an air-gapped build say, it is a file of the same name and behaviour that
 * unpacks Deno and the program into a cache when first run (see build/self_contained.ts).
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./build/bundle.ts";
import { compileNative } from "./build/native.ts";
import { writeSelfContained } from "./build/self_contained.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const flag = Deno.args.indexOf("--output");
const output = flag === -1 ? join(root, "dist/ctr") : Deno.args[flag + 1]!;
const program = `${output}.program`;

await Deno.mkdir(dirname(output), { recursive: true });
const { main, workers } = await bundle(root, program);
const native = await compileNative(main, workers, output);
if (native.made) {
  console.log(`${output}: a native executable`);
} else {
  console.log(`deno compile has no base executable here: ${native.reason}`);
  console.log("Set DENORT_BIN to a denort of this Deno's version for a native executable.");
  await writeSelfContained(program, output);
  console.log(`${output}: a self-contained file (Deno ${Deno.version.deno} and the program, compressed)`);
}
await Deno.remove(program, { recursive: true });

/** Mounts the directory given for a moment that doesn't end. */
import { withTempMount } from "../../../lib/sys/mod.ts";

const mount = { type: "bind", source: Deno.args[0]!, target: "", options: ["rbind", "ro"] };
await withTempMount([mount], async (dir) => {
  console.log(await Deno.readTextFile(`${dir}/f`));
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});

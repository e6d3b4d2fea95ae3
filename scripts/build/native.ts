/** The native executable: `deno compile` over the bundle. */
import { dirname } from "node:path";

/** Whether there is one now, and if not, why. */
export interface Native {
  made: boolean;
  reason: string;
}

/** Compiles the bundle; everything in its folder is embedded, also what is loaded only when needed. */
export async function compileNative(main: string, workers: string[], output: string): Promise<Native> {
  const included = [dirname(main), ...workers].flatMap((path) => ["--include", path]);
  // deno compile overwrites nothing but its own work, and that not in one step.
  const made = `${output}.native`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "-A", "--unstable-kv", "--no-check", "--no-config", "--no-lock", "--output", made]
      .concat(included, main),
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  if (code === 0) {
    console.log(said.trimEnd());
    await Deno.rename(made, output);
    return { made: true, reason: "" };
  }
  if (!/denort|base binary/.test(said)) throw new Error(`deno compile failed:\n${said}`);
  return { made: false, reason: /error sending request[^(\n]*/.exec(said)?.[0].trim() ?? said.trim() };
}

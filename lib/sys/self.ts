/**
 * How this program starts itself again: as the shim, or as the daemon that a command brings up.
 *
 * `dist/ctr` is either a native executable or a stub that runs the cached deno on the cached program (see
 * scripts/build.ts); the stub passes on where it lies in CTR_EXECUTABLE, since Deno.execPath() is then deno.
 * From a checkout it is deno running main.ts.
 */

/** A command that starts this program. */
export interface SelfCommand {
  readonly command: string;
  readonly args: string[];
}

/** The command line that runs `ctr` with `args`. */
export function selfCommand(args: readonly string[]): SelfCommand {
  const executable = executablePath();
  if (executable) return { command: executable, args: [...args] };
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return { command: Deno.execPath(), args: ["run", "-A", "--unstable-kv", "--quiet", main, ...args] };
}

/** Where the one file lies that the user started; undefined when run from a checkout. */
export function executablePath(): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  return Deno.env.get("CTR_EXECUTABLE");
}

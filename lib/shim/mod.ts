/**
 * The built-in shim: one process that is the parent of all of a daemon's containers and outlives it.
 *
 * `ctr shim --state DIR --address SOCK` serves containerd's task service over ttrpc on
 * `DIR/shim/shim.sock`, and sends its events to the daemon's ttrpc socket SOCK. When it is ready it
 * writes a line to its standard output and lets go of it.
 */
import type { Any } from "../api/google/protobuf/any.ts";
import type { RuntimeInfo } from "../api/types/introspection.ts";
import type { ShimCommand } from "./executable.ts";

export { OWN_SHIM } from "./record.ts";
export { type ShimArguments, shimSocket } from "./arguments.ts";
export { type SpawnOptions, spawnShim } from "./spawn.ts";
export type { ShimCommand } from "./executable.ts";

/** Does what containerd asks of a shim's executable; prints the answer. */
export async function runShimExecutable(command: ShimCommand): Promise<void> {
  const { runExecutable } = await import("./executable.ts");
  await runExecutable(command);
}

/** What this program says of itself as the runtime `name`; see lib/shim/info.ts. */
export async function ownRuntimeInfo(name: string, options: Any | undefined): Promise<RuntimeInfo> {
  const { ownRuntimeInfo } = await import("./info.ts");
  return await ownRuntimeInfo(name, options);
}

/** Runs the shim until it is told to shut down. Its arguments: `--state DIR --address SOCK`. */
export async function runShim(args: readonly string[]): Promise<never> {
  // The daemon imports this face too, without becoming a shim.
  const { serve } = await import("./main.ts");
  return await serve(args);
}

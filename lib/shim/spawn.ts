/** Starting the shim as a process of its own. */
import { messageOf, unavailable } from "../errors.ts";
import type { SelfCommand } from "../sys/mod.ts";
import { READY, type ShimArguments } from "./arguments.ts";

export interface SpawnOptions extends Pick<ShimArguments, "state" | "address"> {
  readonly linger?: number;
  readonly cgroup?: string;
  readonly bundle?: string;
  /** The command line that runs `ctr` with some arguments. */
  readonly command: (args: readonly string[]) => SelfCommand;
}

/** Starts it and waits until it serves; it stays when this process ends. Throws Unavailable with its reason. */
export async function spawnShim({ command, ...how }: SpawnOptions): Promise<void> {
  const { state, address, linger = 0, cgroup, bundle } = how;
  const words = ["shim", "--state", state, "--address", address, "--linger", String(linger)];
  if (cgroup) words.push("--cgroup", cgroup);
  if (bundle) words.push("--bundle", bundle);
  const { command: program, args } = command(words);
  const child = new Deno.Command(program, {
    args,
    cwd: "/",
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  child.unref();
  const said = await firstWords(child.stdout);
  if (said === READY) {
    await child.stderr.cancel();
    return;
  }
  const reason = (await firstWords(child.stderr)).trim() || `exit status ${(await child.status).code}`;
  throw unavailable(`the shim could not be started: ${reason}`);
}

async function firstWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  try {
    const { value } = await reader.read();
    return new TextDecoder().decode(value);
  } catch (error) {
    return messageOf(error);
  } finally {
    await reader.cancel();
  }
}

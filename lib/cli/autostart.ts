/** Starts the daemon for a command that found none. */
import { unavailable } from "../errors.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import { selfCommand } from "../sys/mod.ts";
import { printError } from "./output/print.ts";

/** How long a daemon may take until it answers, in milliseconds. */
const patience = 20_000;
const pause = 20;

/**
 * Starts `ctr daemon` in a session of its own, with a log beside its socket, and waits until it answers.
 * Commands that come at the same time start only one: a lock on the log's directory decides which does.
 *
 * Throws Unavailable, naming the log, if it does not come up.
 */
export async function startDaemon(address: string): Promise<void> {
  const state = address.slice(0, address.lastIndexOf("/"));
  await makeStateDir(state);
  using lock = await Deno.open(`${state}/autostart.lock`, { create: true, write: true, mode: 0o600 });
  await lock.lock(true);
  if (await answers(address)) return;
  const log = `${state}/daemon.log`;
  const ended = launch(log);
  const start = performance.now();
  while (!await answers(address)) {
    if (performance.now() - start > patience || ended()) {
      throw unavailable(`the daemon did not start (its log is ${log}): ${await lastLine(log)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  printError(`ctr: started a daemon at ${address} (log: ${log}); it goes on running\n`);
}

async function makeStateDir(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o711 });
  } catch (error) {
    throw unavailable(`no daemon is running, and one cannot be started: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Starts it; whether it has ended by now. */
function launch(log: string): () => boolean {
  const { command, args } = selfCommand(["daemon"]);
  // The shell turns the output to the log; setsid frees the daemon from this terminal and its signals.
  const child = new Deno.Command("setsid", {
    args: ["sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null', "ctr", log, command, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    cwd: "/",
  }).spawn();
  child.unref();
  let ended = false;
  child.status.then(() => ended = true, () => ended = true);
  return () => ended;
}

async function answers(address: string): Promise<boolean> {
  try {
    await (await connectTtrpc(`${address}.ttrpc`))[Symbol.asyncDispose]();
    return true;
  } catch {
    return false;
  }
}

async function lastLine(path: string): Promise<string> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.trimEnd().split("\n").at(-1) || "it said nothing";
}

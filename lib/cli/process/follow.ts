/** Staying with a process until it ends: its stdio, its terminal, the signals we get. */
import { Code, isError, messageOf, unavailable } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { printError } from "../output/print.ts";
import { parseSignal } from "./signals.ts";
import type { Stdio } from "./stdio.ts";

/** A process of a container; without `execId` its first. */
export interface ProcessName {
  readonly containerId: string;
  readonly execId: string;
}

/** What becomes of a process. */
export interface Course {
  /** For one that the daemon has not heard of yet: when it has. */
  readonly made?: Promise<unknown>;
  /** Asks for its exit code, before its start. */
  ended(): Promise<number>;
  /** Starts it; one that runs already needs none. */
  start(): Promise<unknown>;
}

/**
 * Lends the process our terminal, starts it, and waits for its end: its exit code. "detached" if the user leaves it
 * before, by keys or by hanging up: it goes on then, and its streams are kept. So they are when the daemon is lost,
 * which is Unavailable, and when nobody reads our output any more, which is Deno's BrokenPipe: the process gets the
 * signal that it would get in a pipeline.
 */
export async function follow(
  daemon: Daemon,
  stdio: Stdio,
  name: ProcessName,
  { made, ended, start }: Course,
): Promise<number | "detached"> {
  made?.catch(() => {});
  // Before the start: what it says first must find the terminal as it is later. Where no keys go to it, ours stays.
  using _terminal = hasOurTerminal(stdio) ? await lend(daemon, name) : undefined;
  using signals = forwardSignals(daemon, stdio, name);
  await made;
  const exited = ended();
  exited.catch(() => {});
  await start();
  try {
    const outcome = await Promise.race([exited, stdio.detached, stdio.broken, signals.hungUp]);
    if (outcome === "detached") stdio.keep();
    else await stdio.drained();
    return outcome;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) {
      stdio.keep();
      await send(daemon, name, parseSignal("SIGPIPE"));
    }
    if (!isError(error, Code.Unavailable)) throw error;
    stdio.keep();
    throw unavailable(`the daemon was lost, ${goesOn(daemon, name)}: ${messageOf(error)}`, { cause: error });
  }
}

const hasOurTerminal = ({ terminal, stdin }: Stdio) => terminal && stdin !== "";

/** Tells the user how to come back. */
export function sayDetached(daemon: Daemon, name: ProcessName, more = ""): void {
  try {
    printError(`\r\ndetached: ${goesOn(daemon, name)}${more}\n`);
  } catch {
    // The terminal is gone.
  }
}

function goesOn({ globals }: Daemon, { containerId, execId }: ProcessName): string {
  const namespace = globals.namespace === "default" ? "" : `-n ${globals.namespace} `;
  const exec = execId ? `--exec-id ${execId} ` : "";
  const what = execId ? `process ${execId} of ${containerId}` : containerId;
  return `${what} goes on; back to it: ctr ${namespace}tasks attach ${exec}${containerId}`;
}

/** Loaded by those that have one. */
async function lend(daemon: Daemon, name: ProcessName): Promise<Disposable> {
  const { lendTerminal } = await import("./terminal.ts");
  return await lendTerminal(daemon, name);
}

const forwarded = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

interface Signals extends Disposable {
  /** Resolves when a terminal that belongs to the process is gone. */
  readonly hungUp: Promise<"detached">;
}

/** Passes signals on, but for that of a terminal's end: who comes by another one finds the process as it was. */
function forwardSignals(daemon: Daemon, stdio: Stdio, name: ProcessName): Signals {
  const { promise: hungUp, resolve } = Promise.withResolvers<"detached">();
  const pass = (signal: Deno.Signal) => () => void send(daemon, name, parseSignal(signal));
  const hangUp = hasOurTerminal(stdio) ? () => resolve("detached") : pass("SIGHUP");
  const listeners = [
    ["SIGHUP", hangUp] as const,
    ...forwarded.map((signal) => [signal, pass(signal)] as const),
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  const remove = () => listeners.forEach(([signal, listener]) => Deno.removeSignalListener(signal, listener));
  return { hungUp, [Symbol.dispose]: remove };
}

/** A process that has ended, or not begun, can't be signalled; that a daemon is gone is told by the wait. */
async function send(daemon: Daemon, name: ProcessName, signal: number): Promise<void> {
  // Few processes get one.
  const { TasksDefinition } = await import("../../api/services/tasks/v1/tasks.ts");
  try {
    await daemon.stub(TasksDefinition).kill({ ...name, signal });
  } catch (error) {
    const passing = [Code.NotFound, Code.FailedPrecondition, Code.Unavailable];
    if (!passing.some((code) => isError(error, code))) throw error;
  }
}

/** Staying with a process until it ends: its stdio, its terminal, the signals we get. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { parseSignal } from "./signals.ts";
import type { Stdio } from "./stdio.ts";

/** A process of a container; without `execId` its first. */
export interface ProcessName {
  readonly containerId: string;
  readonly execId: string;
}

/** Passes input's end on to the process: the shim holds the pipe open until it is told. */
export function copyStdio(daemon: Daemon, stdio: Stdio, name: ProcessName): void {
  stdio.copy(async () => void await daemon.stub(TasksDefinition).closeIO({ ...name, stdin: true }));
}

/** Waits for the end of a process that has been started; its exit code. */
export async function follow(
  daemon: Daemon,
  stdio: Stdio,
  name: ProcessName,
  exited: Promise<number>,
): Promise<number> {
  using _terminal = stdio.terminal ? rawTerminal(daemon, name) : undefined;
  using _signals = forwardSignals(daemon, name);
  const code = await exited;
  await stdio.drained();
  return code;
}

/** The exit code of a process, when it ends. Ask before it is started: a short one is gone soon. */
export function exitOf(daemon: Daemon, name: ProcessName): Promise<number> {
  const asked = daemon.stub(TasksDefinition).wait(name).then(({ exitStatus }) => exitStatus);
  asked.catch(() => {});
  return asked;
}

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

function forwardSignals(daemon: Daemon, name: ProcessName): Disposable {
  const listeners = forwarded.map((signal) => {
    const listener = () => void send(daemon, name, parseSignal(signal));
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return { [Symbol.dispose]: () => listeners.forEach((remove) => remove()) };
}

/** A process that has just ended can't be signalled, and needn't be. */
async function send(daemon: Daemon, name: ProcessName, signal: number): Promise<void> {
  try {
    await daemon.stub(TasksDefinition).kill({ ...name, signal });
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
  }
}

/** Hands the terminal to the process: each key as it is, and its size, now and when it changes. */
function rawTerminal(daemon: Daemon, name: ProcessName): Disposable {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]() {} };
  const resize = () => {
    const { columns: width, rows: height } = Deno.consoleSize();
    daemon.stub(TasksDefinition).resizePty({ ...name, width, height }).catch(() => {});
  };
  Deno.stdin.setRaw(true);
  resize();
  Deno.addSignalListener("SIGWINCH", resize);
  return {
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGWINCH", resize);
      Deno.stdin.setRaw(false);
    },
  };
}

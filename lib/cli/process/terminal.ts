/** This command's own terminal, while it is the one of a process. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import type { Daemon } from "../connect.ts";
import type { ProcessName } from "./follow.ts";

const stdin = 0;

/** The size of the terminal that this command has; undefined without one, or where it has no size. */
export async function ownSize(): Promise<{ width: number; height: number } | undefined> {
  if (!Deno.stdin.isTerminal()) return undefined;
  const { terminalSize } = await import("../../sys/mod.ts");
  const size = terminalSize(stdin);
  return size.width && size.height ? size : undefined;
}

/** Gives a process's terminal the size of ours. The process may have ended: then nobody needs it. */
export async function fit(daemon: Daemon, name: ProcessName): Promise<void> {
  const size = await ownSize();
  if (size) await daemon.stub(TasksDefinition).resizePty({ ...name, ...size }).catch(() => {});
}

/** Has the program of a terminal that was not looked at draw it anew: it is told of another size, then of its own. */
export async function redraw(daemon: Daemon, name: ProcessName): Promise<void> {
  const size = await ownSize();
  if (!size) return;
  await daemon.stub(TasksDefinition).resizePty({ ...name, ...size, height: size.height + 1 }).catch(() => {});
  await fit(daemon, name);
}

/** Hands the terminal to the process: each key as it is, and its size when it changes. Disposing takes it back. */
export async function lendTerminal(daemon: Daemon, name: ProcessName): Promise<Disposable> {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]() {} };
  const { makeRaw } = await import("../../sys/mod.ts");
  const resize = () => void fit(daemon, name);
  const restore = makeRaw(stdin);
  Deno.addSignalListener("SIGWINCH", resize);
  return {
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGWINCH", resize);
      restore();
    },
  };
}

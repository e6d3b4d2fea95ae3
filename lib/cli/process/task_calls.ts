/** What commands ask the tasks service of a process that they stay with. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import type { Daemon } from "../connect.ts";
import type { ProcessName } from "./follow.ts";
import type { Stdio } from "./stdio.ts";

/** The exit code of a process, when it ends. Asked before it is started: a short one is gone soon. */
export async function exitOf(daemon: Daemon, name: ProcessName): Promise<number> {
  return (await daemon.stub(TasksDefinition).wait(name)).exitStatus;
}

/** Passes input's end on to the process: the shim holds the pipe open until it is told. */
export function closeInput(daemon: Daemon, { terminal }: Stdio, name: ProcessName): () => Promise<void> {
  // A terminal has no end: whoever attaches to it later types on.
  if (terminal) return () => Promise.resolve();
  return async () => void await daemon.stub(TasksDefinition).closeIO({ ...name, stdin: true });
}

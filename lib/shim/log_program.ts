/**
 * A program that takes a process's output: `binary:///path?key=value`. It gets the two streams as its
 * descriptors 3 and 4, closes 5 when it is ready, and ends when the streams do. Source: containerd's
 * core/runtime/v2/README.md (logging).
 */
import { invalidArgument } from "../errors.ts";
import { Access, closeDescriptor, kill, openFd, pipe, readFd, Ready, spawn } from "../sys/mod.ts";
import type { Output } from "./output.ts";
import type { Reaper } from "./reaper.ts";
import type { Shim } from "./shim.ts";

const SIGTERM = 15;
/** Milliseconds that a program has until it says that it is ready. */
const PATIENCE = 10_000;

/** Whose output it is. */
export interface Logged {
  readonly namespace: string;
  readonly id: string;
}

/** Starts the program and waits until it is ready. It owns the streams then. */
export async function startLogProgram(
  { reaper, epoll }: Pick<Shim, "reaper" | "epoll">,
  uri: string,
  { stdout, stderr }: { stdout: number | undefined; stderr: number | undefined },
  { namespace, id }: Logged,
): Promise<Output> {
  const { path, args } = parseUri(uri);
  const ready = pipe();
  const nothing = openFd("/dev/null", Access.READ_WRITE);
  try {
    const env = { ...Deno.env.toObject(), CONTAINER_ID: id, CONTAINER_NAMESPACE: namespace };
    const streams = [stdout ?? nothing, stderr ?? nothing, ready.write];
    const pid = spawn(path, [path, ...args], env, [nothing, nothing, nothing, ...streams]);
    const running = new Running(reaper, pid);
    closeDescriptor(ready.write);
    for (const fd of [stdout, stderr]) if (fd !== undefined) closeDescriptor(fd);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE);
      epoll.arm(ready.read, Ready.READ, () => {
        clearTimeout(timer);
        readFd(ready.read, new Uint8Array(1));
        resolve();
      });
    });
    return running;
  } catch (error) {
    closeDescriptor(ready.write);
    throw error;
  } finally {
    epoll.close(ready.read);
    closeDescriptor(nothing);
  }
}

class Running implements Output {
  readonly done: Promise<void>;
  #ended = false;

  constructor(reaper: Reaper, readonly pid: number) {
    this.done = reaper.ended(pid).then(() => {
      this.#ended = true;
    });
  }

  close(): void {
    if (!this.#ended) kill(this.pid, SIGTERM);
  }
}

/** The query's keys and values are arguments, in their order. Throws InvalidArgument. */
function parseUri(uri: string): { path: string; args: string[] } {
  const { pathname, searchParams } = new URL(uri);
  const path = decodeURIComponent(pathname);
  if (path.length < 2) throw invalidArgument(`log ${uri}: names no program`);
  return { path, args: [...searchParams].flatMap(([key, value]) => value ? [key, value] : [key]) };
}

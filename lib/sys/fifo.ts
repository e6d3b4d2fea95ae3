/** Named pipes. */
import { check, cstring, libc } from "./libc.ts";

const c = libc({ mkfifo: { parameters: ["buffer", "u32"], result: "i32" } });

/** Makes a named pipe at `path`. Throws AlreadyExists if something is there. */
export function makeFifo(path: string, mode: number): void {
  check(c.mkfifo(cstring(path) as BufferSource, mode), `mkfifo ${path}`);
}

/** Paths of a process's streams, as task requests have them. */
export interface StreamPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

const names = ["stdin", "stdout", "stderr"] as const;

/**
 * Removes the pipes of the process `id` that is gone, where they are as clients of containerd make them
 * (`DIR/ID-stdout`), and DIR, if it is empty then. Others are somebody's.
 */
export function removeFifos(id: string, streams: StreamPaths): void {
  for (
    const path of names.filter((name) => isClientsFifo(id, name, streams[name])).map((name) => streams[name])
  ) {
    if (!lstat(path)?.isFifo) continue;
    unlessGone(() => Deno.removeSync(path));
    try {
      Deno.removeSync(path.slice(0, path.lastIndexOf("/")));
    } catch {
      // It holds more than these.
    }
  }
}

/** Whether a path is as clients of containerd name the pipe of a process's stream. */
export const isClientsFifo = (id: string, name: string, path: string) =>
  path.startsWith("/") && path.endsWith(`/${id}-${name}`);

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}

function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

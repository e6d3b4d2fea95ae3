/** Named pipes. */
import { check, cstring, Errno, libc, SystemError } from "./libc.ts";
import { Access, closeDescriptor, openFd } from "./pipe.ts";

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
    const path of names.filter((name) => isClients(id, name, streams[name])).map((name) => streams[name])
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

/** The same, unless somebody reads: a client that lives removes its pipes itself. What can't be removed stays. */
export function removeAbandonedFifos(id: string, streams: StreamPaths): void {
  const outputs = (["stdout", "stderr"] as const).filter((name) => isClients(id, name, streams[name]));
  if (!outputs.length || outputs.some((name) => isRead(streams[name]))) return;
  try {
    removeFifos(id, streams);
  } catch {
    // The end of a process doesn't depend on it.
  }
}

const isClients = (id: string, name: string, path: string) =>
  path.startsWith("/") && path.endsWith(`/${id}-${name}`);

/** Whether a pipe has a reader, as far as one can know; whoever waits to become one counts. */
function isRead(path: string): boolean {
  if (!lstat(path)?.isFifo) return false;
  try {
    closeDescriptor(openFd(path, Access.WRITE | Access.NONBLOCK));
    return true;
  } catch (error) {
    return !(error instanceof SystemError && error.errno === Errno.ENXIO);
  }
}

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

/** Named pipes between this command and the shim, in a directory of their own that only the user can enter. */
import { makeFifo } from "../sys/fifo.ts";

/** The pipes of one process. Without stderr it has a terminal: its output is one stream. */
export interface Fifos extends AsyncDisposable {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes the pipes of the process `id` below `parent`; disposing removes them. */
export async function makeFifos(
  id: string,
  terminal: "terminal" | "streams",
  parent?: string,
): Promise<Fifos> {
  const base = parent || fifoParent();
  // Not handed to a thread: that takes longer than what it would do.
  Deno.mkdirSync(base, { recursive: true, mode: 0o700 });
  const dir = Deno.makeTempDirSync({ dir: base });
  const make = (name: string) => {
    const path = `${dir}/${id}-${name}`;
    makeFifo(path, 0o600);
    return path;
  };
  try {
    return {
      stdin: make("stdin"),
      stdout: make("stdout"),
      stderr: terminal === "terminal" ? "" : make("stderr"),
      [Symbol.asyncDispose]: () => {
        Deno.removeSync(dir, { recursive: true });
        return Promise.resolve();
      },
    };
  } catch (error) {
    await Deno.remove(dir, { recursive: true });
    throw error;
  }
}

/** Where a process's streams go, as task requests have it. */
export interface Streams {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** Ends waits for a shim that never came: whoever opens a FIFO both ways satisfies either side, and at once. */
export function releaseFifos({ stdin, stdout, stderr }: Omit<Streams, "terminal">): void {
  for (const path of [stdin, stdout, stderr]) {
    if (!path) continue;
    try {
      Deno.openSync(path, { read: true, write: true }).close();
    } catch (error) {
      unlessGone(error);
    }
  }
}

/**
 * Removes the pipes of the process `id` that is gone, where they are as clients of containerd make them
 * (`DIR/ID-stdout`), and DIR, if it is empty then. Others are somebody's.
 */
export async function removeFifos(id: string, streams: Omit<Streams, "terminal">): Promise<void> {
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    const path = streams[name];
    if (!path.startsWith("/") || !path.endsWith(`/${id}-${name}`)) continue;
    const { isFifo } = await Deno.lstat(path).catch(() => ({ isFifo: false }));
    if (!isFifo) continue;
    await Deno.remove(path).catch(unlessGone);
    await Deno.remove(path.slice(0, path.lastIndexOf("/"))).catch(() => {});
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Where FIFOs are made unless said. */
export const fifoParent = () =>
  Deno.uid() === 0 ? "/run/longshore/fifo" : `${Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp"}/longshore-fifo`;

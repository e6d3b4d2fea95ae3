/** Named pipes between this command and the shim, in a directory of their own that only the user can enter. */
import { makeFifo } from "../sys/fifo.ts";

export { removeFifos } from "../sys/fifo.ts";

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
        try {
          Deno.removeSync(dir, { recursive: true });
        } catch (error) {
          // The shim takes us for gone when nobody reads any more.
          unlessGone(error);
        }
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

function unlessGone(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Where FIFOs are made unless said. */
export const fifoParent = () =>
  Deno.uid() === 0 ? "/run/longshore/fifo" : `${Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp"}/longshore-fifo`;

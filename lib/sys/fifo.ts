/** Named pipes between a client and the shim, in directories that only their user can enter. */
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

/** Where a process's streams go, and whether they are a terminal's. */
export interface Streams extends StreamPaths {
  readonly terminal: boolean;
}

/** The streams that have pipes, with a terminal and without. */
export const pipedStreams = (terminal: boolean): readonly (typeof names[number])[] =>
  terminal ? ["stdin", "stdout"] : names;

/** The pipes of one process. With a terminal it has none for stderr: its output is one stream. */
export interface Fifos extends StreamPaths, Disposable {}

/** Makes the pipes of the process `id` for some of its streams below `parent`; disposing removes them. */
export function makeFifos(id: string, streams: readonly (typeof names[number])[], parent?: string): Fifos {
  const base = parent || fifoParent();
  // Not handed to a thread: that takes longer than what it would do.
  Deno.mkdirSync(base, { recursive: true, mode: 0o700 });
  const dir = Deno.makeTempDirSync({ dir: base });
  const remove = () => unlessGone(() => Deno.removeSync(dir, { recursive: true }));
  const make = (name: typeof names[number]) => {
    if (!streams.includes(name)) return "";
    const path = `${dir}/${id}-${name}`;
    makeFifo(path, 0o600);
    return path;
  };
  try {
    return {
      stdin: make("stdin"),
      stdout: make("stdout"),
      stderr: make("stderr"),
      // The shim takes the client for gone when nobody reads any more, and may have removed them.
      [Symbol.dispose]: remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Ends waits for a shim that never came: whoever opens a FIFO both ways satisfies either side, and at once. */
export function releaseFifos({ stdin, stdout, stderr }: StreamPaths): void {
  for (const path of [stdin, stdout, stderr].filter(Boolean)) {
    unlessGone(() => Deno.openSync(path, { read: true, write: true }).close());
  }
}

/** Where FIFOs are made unless said. */
export const fifoParent = () =>
  Deno.uid() === 0 ? "/run/longshore/fifo" : `${Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp"}/longshore-fifo`;

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

/** The stdio of a process: copied between this command and the shim. */
import { writeAll } from "../output/print.ts";
import { type Fifos, makeFifos, releaseFifos, type Streams } from "../../client/fifos.ts";

/** How the user wants a process's streams. */
export interface StdioOptions {
  readonly id: string;
  readonly terminal: boolean;
  /** No stdio: empty paths. */
  readonly none: boolean;
  readonly logUri: string;
  readonly fifoDir: string;
}

/** Streams that are being copied. */
export interface Stdio extends Streams, AsyncDisposable {
  /** Begins copying; `onEnd` is called when standard input has ended. Call it before the process is created. */
  copy(onEnd: () => Promise<void>): void;
  /** When all output has been copied. */
  drained(): Promise<void>;
}

const chunk = 64 << 10;

/** Stdio as the options say. */
export async function openStdio(options: StdioOptions): Promise<Stdio> {
  const { id, terminal, none, logUri, fifoDir } = options;
  if (logUri) return still({ stdin: "", stdout: logUri, stderr: terminal ? "" : logUri, terminal });
  if (none) return still({ stdin: "", stdout: "", stderr: "", terminal });
  const fifos = await makeFifos(id, terminal ? "terminal" : "streams", fifoDir || undefined);
  return copying(fifos, terminal);
}

/** The stdio of a task that runs already: its FIFOs are its own, and stay. */
export function attachStdio(streams: Streams): Stdio {
  return copying({ ...streams, [Symbol.asyncDispose]: () => Promise.resolve() }, streams.terminal);
}

/** Streams with which this command has nothing to do. */
function still(streams: Streams): Stdio {
  return {
    ...streams,
    copy() {},
    drained: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function copying(fifos: Fifos, terminal: boolean): Stdio {
  const { stdin, stdout, stderr } = fifos;
  const outputs: Promise<void>[] = [];
  return {
    stdin,
    stdout,
    stderr,
    terminal,
    copy(onEnd) {
      outputs.push(copyOut(stdout, Deno.stdout));
      if (stderr) outputs.push(copyOut(stderr, Deno.stderr));
      for (const output of outputs) output.catch(() => {});
      copyIn(stdin).then(onEnd).catch(() => {});
    },
    drained: async () => void await Promise.all(outputs),
    async [Symbol.asyncDispose]() {
      releaseFifos(fifos);
      await fifos[Symbol.asyncDispose]();
    },
  };
}

/** Opening waits for the shim to open the other end. */
async function copyOut(path: string, to: { writeSync(bytes: Uint8Array): number }): Promise<void> {
  using fifo = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(chunk);
  for (let read = await fifo.read(buffer); read !== null; read = await fifo.read(buffer)) {
    writeAll(to, buffer.subarray(0, read));
  }
}

async function copyIn(path: string): Promise<void> {
  using fifo = await Deno.open(path, { write: true });
  const buffer = new Uint8Array(chunk);
  for (let read = await Deno.stdin.read(buffer); read !== null; read = await Deno.stdin.read(buffer)) {
    for (let done = 0; done < read;) done += await fifo.write(buffer.subarray(done, read));
  }
}

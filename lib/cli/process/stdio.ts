/** The stdio of a process: copied between this command and the shim. */
import { type Fifos, makeFifos, releaseFifos, removeFifos, type Streams } from "../../client/fifos.ts";
import { copyIn, copyOut } from "./copy.ts";
import { DetachKeys } from "./detach_keys.ts";

/** How the user wants a process's streams. */
export interface StdioOptions {
  readonly id: string;
  readonly terminal: boolean;
  /** No stdio: empty paths. */
  readonly none: boolean;
  readonly logUri: string;
  readonly fifoDir: string;
  /** What ends the copying when it is typed: see {@linkcode DetachKeys}. */
  readonly detachKeys: Uint8Array<ArrayBuffer>;
}

/** Streams that are being copied. */
export interface Stdio extends Streams, AsyncDisposable {
  /** Begins copying; `onEnd` is called when standard input has ended. Call it before the process is created. */
  copy(onEnd: () => Promise<void>): void;
  /** When all output has been copied. */
  drained(): Promise<void>;
  /** Resolves when the user has typed the keys for leaving. */
  readonly detached: Promise<"detached">;
  /** Rejects when our own output breaks: nobody reads it any more. */
  readonly broken: Promise<never>;
  /** From now on disposing leaves the pipes where they are, for whoever attaches next. */
  keep(): void;
}

/** Stdio as the options say. */
export async function openStdio(options: StdioOptions): Promise<Stdio> {
  const { id, terminal, none, logUri, fifoDir, detachKeys } = options;
  if (logUri) return still({ stdin: "", stdout: logUri, stderr: terminal ? "" : logUri, terminal });
  if (none) return still({ stdin: "", stdout: "", stderr: "", terminal });
  const fifos = await makeFifos(id, terminal ? "terminal" : "streams", fifoDir || undefined);
  return copying(fifos, terminal, new DetachKeys(detachKeys));
}

/** The stdio of a process that runs already; its FIFOs go with it. */
export function attachStdio(id: string, streams: Streams, detachKeys: Uint8Array<ArrayBuffer>): Stdio {
  const fifos = { ...streams, [Symbol.asyncDispose]: () => Promise.resolve(removeFifos(id, streams)) };
  return copying(fifos, streams.terminal, new DetachKeys(detachKeys));
}

/** Streams with which this command has nothing to do. */
function still(streams: Streams): Stdio {
  return {
    ...streams,
    copy() {},
    drained: () => Promise.resolve(),
    detached: new Promise(() => {}),
    broken: new Promise(() => {}),
    keep() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function copying(fifos: Fifos, terminal: boolean, keys: DetachKeys): Stdio {
  const { stdin, stdout, stderr } = fifos;
  const outputs: Promise<void>[] = [];
  const { promise: detached, resolve: detach } = Promise.withResolvers<"detached">();
  const { promise: broken, reject: breakOff } = Promise.withResolvers<never>();
  broken.catch(() => {});
  let kept = false;
  return {
    stdin,
    stdout,
    stderr,
    terminal,
    detached,
    broken,
    keep: () => kept = true,
    copy(onEnd) {
      outputs.push(copyOut(stdout, "stdout"));
      if (stderr) outputs.push(copyOut(stderr, "stderr"));
      for (const output of outputs) output.catch(breakOff);
      if (stdin) copyIn(stdin, keys).then((end) => end ? detach(end) : onEnd()).catch(() => {});
    },
    drained: async () => void await Promise.all(outputs),
    async [Symbol.asyncDispose]() {
      if (kept) return;
      releaseFifos(fifos);
      await fifos[Symbol.asyncDispose]();
    },
  };
}

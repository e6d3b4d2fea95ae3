/** The stdio of a process: copied between this command and the shim. */
import { makeFifos, pipedStreams, releaseFifos, removeFifos, type Streams } from "../../sys/fifo.ts";
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
export interface Stdio extends Streams {
  /** Begins copying; `onEnd` is called when standard input has ended. Call it before the process is created. */
  copy(onEnd: () => Promise<void>): void;
  /** When all output has been copied. */
  drained(): Promise<void>;
  /** Resolves when the user has typed the keys for leaving. */
  readonly detached: Promise<"detached">;
  /** Rejects when our own output breaks: nobody reads it any more. */
  readonly broken: Promise<never>;
  /** From now on the pipes stay where they are, for whoever attaches next. */
  keep(): void;
}

/** Streams whose pipes are removed by disposing, unless they are kept. */
export interface OwnStdio extends Stdio, Disposable {}

/** Stdio as the options say. */
export function openStdio(options: StdioOptions): OwnStdio {
  const { id, terminal, none, logUri, fifoDir, detachKeys } = options;
  if (logUri) return still({ stdin: "", stdout: logUri, stderr: terminal ? "" : logUri, terminal });
  if (none) return still({ stdin: "", stdout: "", stderr: "", terminal });
  const fifos = makeFifos(id, pipedStreams(terminal), fifoDir || undefined);
  const { stdin, stdout, stderr } = fifos;
  return owning(lentStdio({ stdin, stdout, stderr, terminal }, detachKeys), () => fifos[Symbol.dispose]());
}

/** The stdio of a process that runs already; its FIFOs go with it. */
export function attachStdio(id: string, streams: Streams, detachKeys: Uint8Array<ArrayBuffer>): OwnStdio {
  return owning(lentStdio(streams, detachKeys), () => removeFifos(id, streams));
}

/** The stdio of a process whose FIFOs are somebody else's. */
export function lentStdio(streams: Streams, detachKeys: Uint8Array<ArrayBuffer>): Stdio {
  const { stdin, stdout, stderr, terminal } = streams;
  const keys = new DetachKeys(detachKeys);
  const outputs: Promise<void>[] = [];
  const { promise: detached, resolve: detach } = Promise.withResolvers<"detached">();
  const { promise: broken, reject: breakOff } = Promise.withResolvers<never>();
  broken.catch(() => {});
  return {
    stdin,
    stdout,
    stderr,
    terminal,
    detached,
    broken,
    keep() {},
    copy(onEnd) {
      outputs.push(copyOut(stdout, "stdout"));
      if (stderr) outputs.push(copyOut(stderr, "stderr"));
      for (const output of outputs) output.catch(breakOff);
      if (stdin) copyIn(stdin, keys).then((end) => end ? detach(end) : onEnd()).catch(() => {});
    },
    drained: async () => void await Promise.all(outputs),
  };
}

/** Removes the FIFOs in the end; whoever still waits to open one is let go before. */
function owning(stdio: Stdio, remove: () => void): OwnStdio {
  let kept = false;
  return {
    ...stdio,
    keep: () => kept = true,
    [Symbol.dispose]() {
      if (kept) return;
      releaseFifos(stdio);
      remove();
    },
  };
}

/** Streams with which this command has nothing to do. */
function still(streams: Streams): OwnStdio {
  return {
    ...streams,
    copy() {},
    drained: () => Promise.resolve(),
    detached: new Promise(() => {}),
    broken: new Promise(() => {}),
    keep() {},
    [Symbol.dispose]() {},
  };
}

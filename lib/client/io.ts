/**
 * The streams of a process: nowhere, this process's own, streams to read and write, or a log.
 *
 * The daemon's shim and the client meet in named pipes. Their ends are opened before the process is created
 * and given up when it is gone, so that neither side waits for one that never comes.
 */
import { type Fifos, makeFifos, pipedStreams, releaseFifos, type Streams } from "../sys/fifo.ts";

export type { Streams } from "../sys/fifo.ts";

/** Streams that are set up for one process. */
export interface OpenIo extends Streams, AsyncDisposable {
  /** Begins copying; call it before the process is created. `closeInput` tells the shim of input's end. */
  begin(closeInput: () => Promise<void>): void;
  /** Resolves when all output has arrived. */
  drained(): Promise<void>;
}

/** A way to set up a process's streams. */
export interface Io {
  open(id: string, terminal: boolean): Promise<OpenIo>;
}

/** No streams: output is lost, input is empty. */
export function noIo(): Io {
  return { open: (_, terminal) => Promise.resolve(still({ stdin: "", stdout: "", stderr: "", terminal })) };
}

/** A log: `file:///path` or `binary:///program?key=value`, written by the shim. */
export function logIo(uri: string): Io {
  return {
    open: (_, terminal) =>
      Promise.resolve(still({ stdin: "", stdout: uri, stderr: terminal ? "" : uri, terminal })),
  };
}

/** This process's own output, and its input if asked for. */
export function inheritIo({ stdin = false } = {}): Io {
  return pipedIo({
    stdin: stdin ? Deno.stdin.readable : undefined,
    stdout: unclosed(Deno.stdout),
    stderr: unclosed(Deno.stderr),
  });
}

/** Ends of streams that a caller has. What is left out goes nowhere, or is empty. */
export interface Pipes {
  stdin?: ReadableStream<Uint8Array>;
  stdout?: WritableStream<Uint8Array>;
  stderr?: WritableStream<Uint8Array>;
}

/** Streams of the caller's. */
export function pipedIo(pipes: Pipes): Io {
  return {
    open: (id, terminal) =>
      Promise.try(() => copying(makeFifos(id, pipedStreams(terminal)), pipes, terminal)),
  };
}

/** Output kept in memory, up to `limit` bytes a stream (1 MiB unless said); the rest is dropped. */
export class Captured implements Io {
  readonly #limit: number;
  #chunks: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  readonly #input: string | Uint8Array<ArrayBuffer>;

  constructor(
    { limit = 1 << 20, stdin = "" }: { limit?: number; stdin?: string | Uint8Array<ArrayBuffer> } = {},
  ) {
    this.#limit = limit;
    this.#input = stdin;
  }

  /** What the process has written so far. */
  get stdout(): string {
    return this.#text("stdout");
  }

  get stderr(): string {
    return this.#text("stderr");
  }

  open(id: string, terminal: boolean): Promise<OpenIo> {
    const stdin = new Blob([this.#input]).stream();
    return pipedIo({ stdin, stdout: this.#keep("stdout"), stderr: this.#keep("stderr") }).open(id, terminal);
  }

  #keep(name: "stdout" | "stderr"): WritableStream<Uint8Array> {
    let left = this.#limit;
    return new WritableStream({
      write: (chunk) => {
        if (left > 0) this.#chunks[name].push(chunk.slice(0, left));
        left -= chunk.length;
      },
    });
  }

  #text(name: "stdout" | "stderr"): string {
    const decoder = new TextDecoder();
    return this.#chunks[name].map((chunk) => decoder.decode(chunk, { stream: true })).join("") +
      decoder.decode();
  }
}

function still(streams: Streams): OpenIo {
  return {
    ...streams,
    begin() {},
    drained: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function copying(fifos: Fifos, pipes: Pipes, terminal: boolean): OpenIo {
  const { stdin, stdout, stderr } = fifos;
  const outputs: Promise<void>[] = [];
  return {
    stdin,
    stdout,
    stderr,
    terminal,
    begin(closeInput) {
      outputs.push(copyOut(stdout, pipes.stdout));
      if (stderr) outputs.push(copyOut(stderr, pipes.stderr));
      for (const output of outputs) output.catch(() => {});
      copyIn(stdin, pipes.stdin).then(closeInput).catch(() => {});
    },
    drained: async () => void await Promise.all(outputs),
    [Symbol.asyncDispose]() {
      releaseFifos(fifos);
      fifos[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** Opening waits for the shim to open the other end. */
async function copyOut(path: string, to: WritableStream<Uint8Array> = new WritableStream()): Promise<void> {
  const fifo = await Deno.open(path, { read: true });
  await fifo.readable.pipeTo(to);
}

async function copyIn(path: string, from?: ReadableStream<Uint8Array>): Promise<void> {
  const fifo = await Deno.open(path, { write: true });
  if (from) await from.pipeTo(fifo.writable);
  else fifo.close();
}

/** This process's streams outlive those of a container. */
function unclosed(to: { write(bytes: Uint8Array): Promise<number> }): WritableStream<Uint8Array> {
  return new WritableStream({
    async write(chunk) {
      for (let at = 0; at < chunk.length;) at += await to.write(chunk.subarray(at));
    },
  });
}

/**
 * The handle inside a stream of node:zlib, called directly and synchronously: the stream around it costs a quarter
 * of the time, and its back-and-forth with the event loop is of no use to a Worker that has nothing else to do.
 */
import { Code, CtrError, invalidArgument, messageOf } from "../errors.ts";

const OUTPUT = 1 << 20;

/** Takes what comes out: the first `length` bytes of `chunk`, valid during the call. */
export type Output = (chunk: Uint8Array<ArrayBuffer>, length: number) => void;

/** Gives the memory that the next piece is put into, shared memory maybe, which the output gets then. */
export type Room = () => Uint8Array<ArrayBuffer>;

/** After a write the stream's `_writeState` holds what is left of output and input. */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
}

/** One compressor or decompressor of zlib. */
export interface OpenHandle {
  /** Puts a chunk through; gives how much of it was taken, which is less only after a stream's end. */
  write(chunk: Uint8Array, flush: number): number;
  close(): void;
}

/**
 * Takes hold of a stream's handle; `format` is what messages call it. Bad input is InvalidArgument. Unless it is given
 * `room`, it has memory of its own.
 */
export function openHandle(
  format: string,
  stream: unknown,
  output: Output,
  room: Room = ownRoom(),
): OpenHandle {
  const { _handle: handle, _writeState: state } = stream as { _handle?: Handle; _writeState?: Uint32Array };
  if (typeof handle?.writeSync !== "function" || !state) {
    throw new CtrError(Code.Internal, `${format}: this Deno's node:zlib has no synchronous handle`);
  }
  let failure: string | undefined;
  handle.onerror = (message) => failure = message;
  return {
    write(chunk, flush) {
      for (let at = 0;;) {
        const out = room();
        try {
          handle.writeSync(flush, chunk, at, chunk.length - at, out, 0, out.length);
        } catch (error) {
          failure = messageOf(error);
        }
        if (failure) throw invalidArgument(`${format}: ${failure}`);
        const produced = out.length - state[0]!;
        const taken = chunk.length - state[1]! - at;
        at += taken;
        if (produced > 0) output(out, produced);
        if (produced < out.length && (at === chunk.length || (taken === 0 && produced === 0))) return at;
      }
    },
    close: () => (stream as { close(): void }).close(),
  };
}

function ownRoom(): Room {
  const own = new Uint8Array(OUTPUT);
  return () => own;
}

/** Layers as they go: gzip, zstd or plain. The same bytes in give the same bytes out: no time, no name in them. */
import zlib from "node:zlib";
import type { Compression } from "./decompress.ts";
import { openHandle, type Output } from "./zlib_handle.ts";

/** What is compressed at once: where input is cut has a say in what comes out, so it is always cut the same. */
const BLOCK = 1 << 20;

/** Compresses what is pushed. Dispose it to free its memory at once. */
export interface Compressor extends Disposable {
  push(chunk: Uint8Array<ArrayBuffer>): void;
  /** Says that the stream is over, and gives what is left of it to the output. */
  finish(): void;
}

/** A compressor at its format's usual level. */
export function compressor(compression: Compression, output: Output): Compressor {
  const { Z_NO_FLUSH, Z_FINISH, ZSTD_e_continue, ZSTD_e_end } = zlib.constants;
  if (compression === "gzip") return deflating("gzip", zlib.createGzip(), output, Z_NO_FLUSH, Z_FINISH);
  if (compression === "zstd") {
    return deflating("zstd", zlib.createZstdCompress(), output, ZSTD_e_continue, ZSTD_e_end);
  }
  return { push: (chunk) => output(chunk, chunk.length), finish() {}, [Symbol.dispose]() {} };
}

function deflating(format: string, stream: unknown, output: Output, more: number, end: number): Compressor {
  const handle = openHandle(format, stream, output);
  const block = new Uint8Array(BLOCK);
  let filled = 0;
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + BLOCK - filled);
        at += part.length;
        block.set(part, filled);
        filled += part.length;
        if (filled < BLOCK) return;
        handle.write(block, more);
        filled = 0;
      }
    },
    finish() {
      if (filled > 0) handle.write(block.subarray(0, filled), more);
      filled = 0;
      handle.write(new Uint8Array(0), end);
    },
    [Symbol.dispose]: () => handle.close(),
  };
}

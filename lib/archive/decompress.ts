/**
 * Layers as they come: gzip, zstd or plain, told apart by their first bytes as containerd does, whatever the
 * media type says.
 */
import zlib from "node:zlib";
import { invalidArgument } from "../errors.ts";
import { openHandle, type Output, type Room } from "./zlib_handle.ts";
import { ZstdFrames } from "./zstd_frames.ts";

export type Compression = "gzip" | "zstd" | "none";

/** The bytes needed to tell the compression; fewer only at the end of a stream. */
const MAGIC_BYTES = 4;

/** Tells the compression by a stream's first bytes. */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 0x08) return "gzip";
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return "zstd";
  const skippable = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return head.length >= MAGIC_BYTES && skippable ? "zstd" : "none";
}

/** Decompresses what is pushed. Dispose it to free its memory at once. */
export interface Decompressor extends Disposable {
  push(chunk: Uint8Array<ArrayBuffer>): void;
  /** Says that the stream is over. Throws InvalidArgument if it ends in the middle. */
  finish(): void;
}

/**
 * A decompressor that finds out by itself what it is given. What isn't compressed at all is handed on as it came, in
 * memory that isn't of `room`.
 */
export function decompressor(
  output: Output,
  room?: Room,
): Decompressor & { readonly compression?: Compression } {
  let head: Uint8Array<ArrayBuffer> | undefined = new Uint8Array(0);
  let inner: Decompressor | undefined;
  let compression: Compression | undefined;
  const start = (bytes: Uint8Array<ArrayBuffer>) => {
    head = undefined;
    compression = detectCompression(bytes);
    inner = open(compression, output, room);
    if (bytes.length > 0) inner.push(bytes);
  };
  return {
    get compression() {
      return compression;
    },
    push(chunk) {
      if (inner) return inner.push(chunk);
      const joined = new Uint8Array(head!.length + chunk.length);
      joined.set(head!);
      joined.set(chunk, head!.length);
      head = joined;
      if (joined.length >= MAGIC_BYTES) start(joined);
    },
    finish() {
      if (head) start(head);
      inner!.finish();
    },
    [Symbol.dispose]: () => inner?.[Symbol.dispose](),
  };
}

function open(compression: Compression, output: Output, room: Room | undefined): Decompressor {
  if (compression === "gzip") return gunzip(output, room);
  if (compression === "zstd") return unzstd(output, room);
  return { push: (chunk) => output(chunk, chunk.length), finish() {}, [Symbol.dispose]() {} };
}

/** Gzip, several members one after another; what follows the last one is an error, as it is for Go. */
function gunzip(output: Output, room: Room | undefined): Decompressor {
  const inflate = openHandle("gzip", zlib.createGunzip(), output, room);
  return {
    push(chunk) {
      if (inflate.write(chunk, zlib.constants.Z_NO_FLUSH) < chunk.length) {
        throw invalidArgument("gzip: the stream is followed by something that is not gzip: invalid header");
      }
    },
    finish: () => void inflate.write(new Uint8Array(0), zlib.constants.Z_FINISH),
    [Symbol.dispose]: () => inflate.close(),
  };
}

/** Zstd, several frames one after another, skippable ones passed over. */
function unzstd(output: Output, room: Room | undefined): Decompressor {
  const inflate = openHandle("zstd", zlib.createZstdDecompress(), output, room);
  const frames = new ZstdFrames();
  return {
    push(chunk) {
      frames.push(chunk);
      for (let rest = chunk; rest.length > 0;) {
        const taken = inflate.write(rest, zlib.constants.ZSTD_e_continue);
        if (taken === 0) throw invalidArgument("zstd: the decoder is stuck");
        rest = rest.subarray(taken);
      }
    },
    finish() {
      if (!frames.complete) throw invalidArgument("zstd: unexpected end of file");
    },
    [Symbol.dispose]: () => inflate.close(),
  };
}

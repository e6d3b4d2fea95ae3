/** A Worker that decompresses one archive, a little at a time. */
/// <reference lib="deno.worker" />
import { checkInflation, decompressor } from "../archive/mod.ts";
import { Code, CtrError, messageOf } from "../errors.ts";
import { yieldToOthers } from "../sys/mod.ts";
import { archiveInflation, type FromInflater, type ToInflater } from "./inflate_job.ts";

/** Input that is put through at once: little, for a few bytes may stand for a great many. */
const PIECE = 4 << 10;
/** Outputs that may wait to be used. */
const MOST_WAITING = 4;

/** Bytes of an output at most. */
const OUTPUT = 512 << 10;

yieldToOthers();

let compressed = 0;
let unpacked = 0;
let waiting = 0;
let wake = () => {};
let output = new Uint8Array(OUTPUT);
let filled = 0;

const inflater = decompressor((chunk, length) => {
  unpacked += length;
  checkInflation("archive", { compressed, unpacked }, archiveInflation);
  for (let at = 0; at < length;) {
    const n = Math.min(length - at, OUTPUT - filled);
    output.set(chunk.subarray(at, at + n), filled);
    filled += n;
    at += n;
    if (filled === OUTPUT) flush();
  }
});

function flush() {
  if (filled === 0) return;
  const bytes = output.subarray(0, filled);
  output = new Uint8Array(OUTPUT);
  filled = 0;
  waiting++;
  self.postMessage({ type: "output", bytes } satisfies FromInflater, [bytes.buffer]);
}

self.onmessage = ({ data }: MessageEvent<ToInflater>) => {
  if (data.type === "used") {
    waiting--;
    wake();
  } else void answer(data);
};

async function answer(request: Exclude<ToInflater, { type: "used" }>) {
  try {
    if (request.type === "bytes") await inflate(request.bytes);
    else inflater.finish();
    flush();
    tell({ type: "done" });
  } catch (error) {
    const code = error instanceof CtrError ? error.code : Code.Internal;
    tell({ type: "failed", code, message: `archive: ${messageOf(error).replace(/^archive: /, "")}` });
  }
}

async function inflate(bytes: Uint8Array<ArrayBuffer>) {
  for (let at = 0; at < bytes.length; at += PIECE) {
    while (waiting >= MOST_WAITING) await new Promise<void>((resolve) => wake = resolve);
    const piece = bytes.subarray(at, at + PIECE);
    compressed += piece.length;
    inflater.push(piece);
  }
}

const tell = (message: FromInflater) => self.postMessage(message);

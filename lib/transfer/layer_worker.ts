/**
 * A Worker that takes one layer after another: bytes come from a registry or a file, and go through the digest
 * into the ingest and, unpacked, into a directory, in one pass. Everything but waiting for bytes is synchronous.
 */
/// <reference lib="deno.worker" />
import { faultPoint } from "../fault.ts";
import { Code, CtrError, failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { yieldToOthers } from "../sys/mod.ts";
import {
  failureOf,
  InterruptedError,
  type Job,
  type LayerJob,
  type LayerResult,
  type Request,
  type Result,
} from "./layer_job.ts";
import { runCompressJob } from "./compress_layer.ts";
import { hashing, isBadInput, outlasting, type Sink, unpacking } from "./layer_sink.ts";
import { runMakeJob } from "./make_layer.ts";
import { handing, runUnpackJob } from "./shared_layer.ts";

const READ_SIZE = 1 << 18;
const PROGRESS_EVERY = 100;

type Bytes = Uint8Array<ArrayBuffer>;

let current: AbortController | undefined;

yieldToOthers();

self.onmessage = ({ data }: MessageEvent<Request>) => {
  if (data.type === "abort") current?.abort();
  else void work(data.job);
};

async function work(job: Job) {
  const abort = current = new AbortController();
  try {
    const result = await perform(job, abort.signal);
    self.postMessage({ type: "done", result });
  } catch (error) {
    self.postMessage(failureOf(error));
  } finally {
    if (current === abort) current = undefined;
  }
}

async function perform(job: Job, signal: AbortSignal): Promise<Result> {
  if ("make" in job) return await runMakeJob(job, signal);
  if ("compress" in job) return await runCompressJob(job, signal);
  if ("unpack" in job) return runUnpackJob(job);
  return await run(job, signal);
}

function sinkFor({ target, ring }: LayerJob): Sink {
  if (!target) return hashing();
  return ring ? handing(ring) : unpacking(target);
}

async function run(job: LayerJob, signal: AbortSignal): Promise<LayerResult> {
  using sink = sinkFor(job);
  if ("file" in job.source) {
    using file = await Deno.open(job.source.file);
    await readInto(file, Infinity, progressing(sink), signal);
    signal.throwIfAborted();
    const result = sink.finish();
    verify(result, job.expected);
    return result;
  }
  using lasting = outlasting(sink);
  await fetchInto(job, progressing(lasting), signal);
  signal.throwIfAborted();
  try {
    const result = lasting.finish();
    verify(result, job.ingest);
    return result;
  } catch (error) {
    if (isBadInput(error)) await verifyFile(job.ingest!, signal);
    throw error;
  }
}

/** Throws FailedPrecondition if the file doesn't hold what it should. */
async function verifyFile(ingest: NonNullable<LayerJob["ingest"]>, signal: AbortSignal) {
  using file = await Deno.open(ingest.path);
  using sink = hashing();
  await readInto(file, Infinity, (bytes) => sink.push(bytes), signal);
  verify(sink.finish(), ingest);
}

/** Passes bytes on, and now and then the word of how many they were. */
function progressing(sink: Sink): (bytes: Bytes) => void {
  let received = 0;
  let told = 0;
  return (bytes) => {
    sink.push(bytes);
    received += bytes.length;
    const now = performance.now();
    if (now - told < PROGRESS_EVERY) return;
    told = now;
    self.postMessage({ type: "progress", received });
  };
}

/** Reads up to `limit` bytes; gives how many there were. */
async function readInto(
  file: Deno.FsFile,
  limit: number,
  feed: (bytes: Bytes) => void,
  signal: AbortSignal,
): Promise<number> {
  const buffer = new Uint8Array(READ_SIZE);
  for (let done = 0;;) {
    signal.throwIfAborted();
    const n = await file.read(buffer.subarray(0, Math.min(READ_SIZE, limit - done)));
    if (!n) return done;
    feed(buffer.subarray(0, n));
    done += n;
  }
}

async function fetchInto(job: LayerJob, feed: (bytes: Bytes) => void, signal: AbortSignal) {
  const { ingest, source } = job;
  if (!ingest || !("blob" in source)) throw invalidArgument("a layer from a registry needs an ingest");
  using file = await Deno.open(ingest.path, { read: true, write: true, create: true });
  const there = await readInto(file, ingest.offset, feed, signal);
  if (there < ingest.offset) {
    throw failedPrecondition(`ingest of ${ingest.digest}: holds ${there} bytes, not ${ingest.offset}`);
  }
  await file.truncate(there);
  if (there === ingest.size) return;
  // Only workers that need the registry's side load it.
  const { openBlob } = await import("../remotes/mod.ts");
  let received = there;
  try {
    const log = job.log && { ...job.log, tell: (text: string) => self.postMessage({ type: "log", text }) };
    const body = await openBlob(source.blob, there, signal, log);
    for await (const bytes of body as ReadableStream<Bytes>) {
      signal.throwIfAborted();
      received += bytes.length;
      if (received > ingest.size) throw tooLong(ingest, received);
      writeAll(file, bytes);
      feed(bytes);
      // Its memory, 64 KiB, is freed at once: the collector, which has little else to do here, would let megabytes lie.
      bytes.buffer.transfer(0);
    }
  } catch (error) {
    if (signal.aborted || (error instanceof CtrError && error.code !== Code.Unavailable)) throw error;
    const why = `blob ${ingest.digest}: ${messageOf(error)}`;
    throw new InterruptedError(why, received, { cause: error });
  }
  if (received < ingest.size) {
    const why = `blob ${ingest.digest}: body ended after ${received} of ${ingest.size} bytes`;
    throw new InterruptedError(why, received);
  }
}

/** A full disk is not the registry's fault: no error that another try would mend. */
function writeAll(file: Deno.FsFile, bytes: Bytes) {
  faultPoint("layer.write");
  try {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch (error) {
    throw new CtrError(Code.ResourceExhausted, `write ingest: ${messageOf(error)}`, { cause: error });
  }
}

function tooLong(expected: { digest: string; size: number }, received: number): CtrError {
  return failedPrecondition(
    `blob ${expected.digest}: body is longer than the expected ${expected.size} bytes: got ${received} or more`,
  );
}

function verify(result: LayerResult, expected: { digest: string; size: number } | undefined) {
  if (!expected) return;
  if (result.size !== expected.size) {
    throw failedPrecondition(`blob ${expected.digest}: expected ${expected.size} bytes, got ${result.size}`);
  }
  if (result.digest !== expected.digest) {
    throw failedPrecondition(`blob ${expected.digest}: its bytes have the digest ${result.digest}`);
  }
}

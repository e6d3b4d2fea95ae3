/** A Worker that sends parts of files as the bodies of requests, many at a time. */
/// <reference lib="deno.worker" />
import { Code, CtrError, messageOf } from "../errors.ts";
import { outgoingFile, readBody, send } from "../remotes/mod.ts";
import { yieldToOthers } from "../sys/mod.ts";
import type { FromWorker, Load, ToWorker, WholeAnswer } from "./carrier_job.ts";

/** Answers to uploads are short. */
const LONGEST_ANSWER = 64 * 1024;
/** Milliseconds between two words on how far a body is. */
const INTERVAL = 100;

yieldToOthers();

const underWay = new Map<number, AbortController>();

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "abort") underWay.get(data.id)?.abort();
  else void carry(data.id, data.load);
};

async function carry(id: number, load: Load): Promise<void> {
  const abort = new AbortController();
  underWay.set(id, abort);
  try {
    tell({ id, type: "answer", answer: await answerTo(id, load, abort.signal) });
  } catch (error) {
    const code = error instanceof CtrError ? error.code : Code.Internal;
    tell({ id, type: "failed", code, message: messageOf(error) });
  } finally {
    underWay.delete(id);
  }
}

async function answerTo(
  id: number,
  { request, log: wanted, file: { path, offset, size } }: Load,
  signal: AbortSignal,
): Promise<WholeAnswer> {
  let last = -Infinity;
  const onTaken = (bytes: number) => {
    if (performance.now() - last < INTERVAL) return;
    last = performance.now();
    tell({ id, type: "sent", bytes });
  };
  const body = { ...outgoingFile(path, offset, size), onTaken };
  const log = wanted && { ...wanted, tell: (text: string) => tell({ id, type: "log", text }) };
  const answer = await send({ ...request, body, log }, signal);
  const whole = new Uint8Array(await readBody(answer, LONGEST_ANSWER, request.url));
  return { status: answer.status, headers: [...answer.headers], url: answer.url, body: whole };
}

const tell = (message: FromWorker) => self.postMessage(message);

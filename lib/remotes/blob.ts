/** Getting one blob: everything a Worker needs to know of it, and the stream of its bytes from any offset. */
import { Code, CtrError, failedPrecondition } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { type Answer, errorOfAnswer, type Patience, send } from "./http.ts";
import type { HttpLog } from "./http_log.ts";

/** One place that has a blob. */
export interface BlobSource {
  readonly url: string;
  /** Sent to this place only, not where it redirects to on other hosts. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connection?: Connection;
}

/** One blob to be fetched. Can be cloned, so that a Worker can be told to fetch it. */
export interface BlobRequest extends BlobSource {
  readonly digest: string;
  /** Length in bytes. */
  readonly size: number;
  /** Asked in turn if the first place doesn't have it or doesn't let us. */
  readonly others?: readonly BlobSource[];
  readonly patience?: Partial<Patience>;
}

/**
 * The bytes of a blob from `offset` on. A server that ignores ranges costs the transfer of the bytes before,
 * which are skipped. The bytes are not verified here. Throws NotFound, Unauthenticated (the token ran out, say),
 * PermissionDenied, Unavailable; the stream fails with Unavailable when the connection breaks or stalls.
 */
export async function openBlob(
  request: BlobRequest,
  offset: number,
  signal?: AbortSignal,
  log?: HttpLog,
): Promise<ReadableStream<Uint8Array>> {
  const sources: readonly BlobSource[] = [request, ...request.others ?? []];
  let first: unknown;
  for (const source of sources) {
    try {
      return await openFrom(source, { ...request, log }, offset, signal);
    } catch (error) {
      signal?.throwIfAborted();
      first ??= error;
      if (!(error instanceof CtrError) || error.code === Code.FailedPrecondition) throw error;
    }
  }
  throw first;
}

async function openFrom(
  { url, headers, connection }: BlobSource,
  { digest, size, patience, log }: BlobRequest & { readonly log?: HttpLog },
  offset: number,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const range: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
  const wanted = { ...headers, ...range };
  const request = { method: "GET", url, headers: wanted, patience, connection, log } as const;
  const answer = await send(request, signal);
  if (answer.status === 206) {
    await checkRange(answer, digest, offset);
    return answer.body ?? empty();
  }
  if (answer.status !== 200) throw await errorOfAnswer(answer, `blob ${digest}`);
  const length = answer.headers.get("content-length");
  if (length !== null && Number(length) > size && !answer.headers.has("content-encoding")) {
    await answer.body?.cancel();
    throw failedPrecondition(`blob ${digest}: expected ${size} bytes, the registry has ${length}`);
  }
  return await skip(answer.body ?? empty(), offset);
}

async function checkRange(answer: Answer, digest: string, offset: number): Promise<void> {
  const range = answer.headers.get("content-range") ?? "";
  const start = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range)?.[1];
  if (start === `${offset}`) return;
  await answer.body?.cancel();
  throw failedPrecondition(`blob ${digest}: asked for bytes from ${offset} on, got ${JSON.stringify(range)}`);
}

const empty = () => new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });

/** The body without its first `count` bytes, which are read and dropped before it is given. */
async function skip(body: ReadableStream<Uint8Array>, count: number): Promise<ReadableStream<Uint8Array>> {
  if (count === 0) return body;
  const reader = body.getReader();
  let rest: Uint8Array | undefined;
  for (let left = count; left > 0;) {
    const { done, value } = await reader.read();
    if (done) return empty();
    if (value.length > left) rest = value.subarray(left);
    left -= Math.min(left, value.length);
  }
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = rest ? { done: false, value: rest } : await reader.read();
      rest = undefined;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

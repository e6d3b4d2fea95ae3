/**
 * One HTTP exchange with a registry: redirects followed by hand, so that credentials go to the host they are
 * meant for and nowhere else; time limits for the answer and for pauses in its body; retries where the server
 * or the network asks for patience.
 */
import { Code, CtrError, isError, messageOf, unavailable } from "../errors.ts";
import { type Connection, connectionTo } from "./connection.ts";
import { reasonOf, request as requestOver } from "./http_client.ts";
import { type HttpLog, logAnswer, logFailure } from "./http_log.ts";
import { type Outgoing, OutgoingBlob } from "./outgoing.ts";

/** How long to wait, in milliseconds, and how often to try. */
export interface Patience {
  /** Until the answer's head has come. */
  readonly headers: number;
  /** Between two pieces of a body. */
  readonly body: number;
  /** Tries in all, the first included. */
  readonly tries: number;
}

export const defaultPatience: Patience = { headers: 30_000, body: 30_000, tries: 4 };

const MOST_REDIRECTS = 10;
const LONGEST_WAIT = 30_000;
const redirects = new Set([301, 302, 303, 307, 308]);
/** Bad request, method not allowed, too large, media type not supported, unprocessable. */
const refusals = new Set([400, 405, 413, 415, 422]);
const passing = new Set([408, 429, 500, 502, 503, 504]);

/** An answer's head, and its body as it comes. The body has to be read or cancelled. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Where it came from, after redirects. */
  readonly url: string;
}

/** A request. Header names are in lower case. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Outgoing;
  readonly patience?: Partial<Patience>;
  /** How its server is connected to; other hosts that it redirects to don't see our certificates. */
  readonly connection?: Connection;
  /** Told what goes over the wire, without secrets. */
  readonly log?: HttpLog;
}

/**
 * Sends a request until it has an answer that is neither a redirect nor a passing fault (408, 429, 5xx), or
 * tries run out: then the last answer is given, or Unavailable thrown where there was none. The caller has to
 * read or cancel the body.
 */
export async function send(request: HttpRequest, signal?: AbortSignal): Promise<Answer> {
  const patience = { ...defaultPatience, ...request.patience };
  for (let attempt = 1;; attempt++) {
    const last = attempt >= patience.tries;
    try {
      const response = await follow(request, patience, signal);
      if (last || !passing.has(response.status)) return response;
      await response.body?.cancel();
      await delay(waitFor(response.headers.get("retry-after"), attempt), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (last || !(error instanceof CtrError) || error.code !== Code.Unavailable) throw error;
      await delay(waitFor(null, attempt), signal);
    }
  }
}

async function follow(request: HttpRequest, patience: Patience, signal?: AbortSignal): Promise<Answer> {
  let { url, headers, connection } = request;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const response = await once({ ...request, url, headers, connection }, patience, signal);
    const location = response.headers.get("location");
    if (!location || !isFollowed(request, response.status)) return response;
    await response.body?.cancel();
    const next = targetOf(location, url);
    if (next.origin !== new URL(url).origin) headers = withoutCredentials(headers);
    connection = connectionTo(connection, url, next.href);
    url = next.href;
  }
  throw new CtrError(
    Code.FailedPrecondition,
    `${request.method} ${shown(request.url)}: more than ${MOST_REDIRECTS} redirects`,
  );
}

/**
 * What is asked for is looked for where a redirect says. What is brought goes there only if it is image content
 * and the method stays: the body of a token request has secrets in it.
 */
function isFollowed({ method, body }: HttpRequest, status: number): boolean {
  if (method === "GET" || method === "HEAD") return redirects.has(status);
  return (status === 307 || status === 308) && typeof body !== "string";
}

function targetOf(location: string, from: string): URL {
  const target = URL.parse(location, from);
  if (!target || !/^https?:$/.test(target.protocol)) {
    throw new CtrError(Code.FailedPrecondition, `${shown(from)}: redirects to ${JSON.stringify(location)}`);
  }
  if (target.protocol === "http:" && from.startsWith("https:")) {
    throw new CtrError(Code.FailedPrecondition, `${shown(from)}: redirects from https to plain http`);
  }
  // A user and a password in the address would become an Authorization header.
  target.username = target.password = "";
  return target;
}

/** Only what says which bytes are wanted goes to another host. */
function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  const harmless = new Set([
    "accept",
    "accept-encoding",
    "content-range",
    "content-type",
    "range",
    "user-agent",
  ]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name.toLowerCase())));
}

async function once(request: HttpRequest, patience: Patience, signal?: AbortSignal): Promise<Answer> {
  signal?.throwIfAborted();
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = deadline(patience.headers, abort);
  const started = performance.now();
  try {
    const { method, url, headers } = request;
    const body = typeof request.body === "object" ? new OutgoingBlob(request.body, timer.move) : request.body;
    // What arrives has to be what was stored: nothing may be compressed on the way.
    const sent = { "accept-encoding": "identity", ...headers };
    const parts = { method, headers: sent, body, signal: abort.signal };
    const response = await requestOver(url, parts, request.connection);
    logAnswer(request, response, started);
    const stream = response.body && watched(response.body, patience.body, signal);
    return { status: response.status, headers: response.headers, body: stream, url };
  } catch (error) {
    signal?.throwIfAborted();
    const reason = reasonOf(abort.signal.aborted ? abort.signal.reason : error);
    logFailure(request, reason, started);
    if (isError(error, Code.FailedPrecondition)) throw error;
    throw unavailable(`${request.method} ${shown(request.url)}: ${reason}`, { cause: error });
  } finally {
    timer.clear();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Bytes a millisecond that a server is given to put away what it has got, before it answers. */
const SETTLING = 10_000;

/** Aborts when nothing happens for `limit` milliseconds: `move` tells that a part of the body was taken. */
function deadline(limit: number, abort: AbortController) {
  const start = (millis: number, why: string) =>
    setTimeout(() => abort.abort(unavailable(`${why} ${millis} ms`)), millis);
  let timer = start(limit, "no answer within");
  const clear = () => clearTimeout(timer);
  const move = (sent: number, size: number) => {
    clear();
    timer = sent < size
      ? start(limit, "the server took nothing for")
      : start(limit + Math.round(size / SETTLING), "all is sent, but no answer within");
  };
  return { move, clear };
}

/**
 * A body that fails when the caller gives up, or when nothing comes for `limit` milliseconds while somebody waits.
 * It doesn't rely on fetch's own signal: once the head has come, that one may be collected as garbage.
 */
function watched(
  body: ReadableStream<Uint8Array>,
  limit: number,
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let waitingSince: number | undefined;
  let fail: (reason: unknown) => void;
  const onAbort = () => fail(signal!.reason);
  const timer = setInterval(() => {
    if (waitingSince === undefined || performance.now() - waitingSince < limit) return;
    fail(unavailable(`nothing came for ${limit} ms`));
  }, Math.max(limit / 4, 10));
  let ended = false;
  const end = () => {
    ended = true;
    clearInterval(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  return new ReadableStream({
    start(controller) {
      fail = (reason) => {
        if (ended) return;
        end();
        controller.error(reason);
        reader.cancel(reason).catch(() => {});
      };
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    },
    async pull(controller) {
      waitingSince = performance.now();
      try {
        const { done, value } = await reader.read();
        waitingSince = undefined;
        if (ended) return;
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      } catch (error) {
        fail(unavailable(messageOf(error)));
      }
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** What a `retry-after` header asks for, in milliseconds; else a little longer with each try. */
export function waitFor(retryAfter: string | null, attempt: number): number {
  const seconds = Number(retryAfter ?? NaN);
  const asked = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(retryAfter ?? "") - Date.now();
  const wait = Number.isFinite(asked) ? asked : 200 * 2 ** (attempt - 1);
  return Math.min(Math.max(wait, 0), LONGEST_WAIT);
}

/** Resolves after `millis`; rejects with the signal's reason before, if that comes first. */
export function delay(millis: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, millis);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** An address fit for messages: signed addresses carry secrets in their query. */
export function shown(url: string): string {
  const { origin, pathname } = URL.parse(url) ?? { origin: "", pathname: "an unreadable address" };
  return origin + pathname;
}

/** Reads a whole body of at most `limit` bytes; FailedPrecondition for a longer one, before or while reading. */
export async function readBody(answer: Answer, limit: number, what: string): Promise<Uint8Array> {
  const claimed = Number(answer.headers.get("content-length") ?? 0);
  if (claimed > limit) {
    await answer.body?.cancel();
    throw tooLarge(what, `${claimed}`, limit);
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body ?? []) {
    size += piece.length;
    if (size > limit) throw tooLarge(what, `${size} or more`, limit);
    pieces.push(piece);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const tooLarge = (what: string, size: string, limit: number) =>
  new CtrError(Code.FailedPrecondition, `${what}: ${size} bytes, the limit is ${limit}`);

/** The error for an answer that isn't what was asked for. Discards the body. */
export async function errorOfAnswer(answer: Answer, what: string): Promise<CtrError> {
  const { status } = answer;
  const words = await serverWords(answer);
  const message = `${what}: ${shown(answer.url)} answers ${status}${words ? ` (${words})` : ""}`;
  if (status === 404) return new CtrError(Code.NotFound, message);
  if (status === 401) return new CtrError(Code.Unauthenticated, message);
  if (status === 403) return new CtrError(Code.PermissionDenied, message);
  if (passing.has(status)) return unavailable(message);
  if (refusals.has(status)) return new CtrError(Code.FailedPrecondition, message);
  return new CtrError(Code.Unknown, message);
}

/** What the server says of its error; source: distribution spec, "Error codes". */
async function serverWords(answer: Answer): Promise<string> {
  try {
    const text = new TextDecoder().decode(await readBody(answer, 8192, "error"));
    const { code, message } = JSON.parse(text).errors[0];
    return [code, message].filter((word) => typeof word === "string" && word).join(": ").slice(0, 300);
  } catch {
    return "";
  }
}

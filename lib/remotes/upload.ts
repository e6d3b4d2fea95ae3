/**
 * One blob on its way into a repository. It goes as a whole in one request. Where that broke off, and the registry
 * tells how much it has, the rest follows in chunks; a registry that finds the whole too large gets it in chunks
 * from the start. Source: OCI distribution spec 1.1, "Pushing blobs".
 */
import { Code, CtrError, failedPrecondition, isError, messageOf } from "../errors.ts";
import { exchange, originOf, type Place } from "./exchange.ts";
import {
  type Answer,
  defaultPatience,
  delay,
  errorOfAnswer,
  type HttpRequest,
  shown,
  waitFor,
} from "./http.ts";
import type { Patience } from "./http.ts";
import { type Outgoing, outgoingBytes, outgoingFile } from "./outgoing.ts";
import type { Target } from "./remote.ts";
import { receivedBytes, uploadAddress } from "./upload_answers.ts";

/** Where a blob's bytes come from. */
export interface BlobBytes {
  /** `size` bytes from `offset` on. */
  read(offset: number, size: number): AsyncIterable<Uint8Array>;
  /** The file that has them, if there is one. */
  readonly path?: string;
}

/** How an upload is watched. */
export interface UploadOptions {
  readonly signal?: AbortSignal;
  /** Told how many bytes have been sent; fewer than before if a part has to be sent again. */
  readonly onProgress?: (sent: number) => void;
}

/** What is uploaded, and where. */
export interface UploadPlan {
  readonly place: Place;
  /** The address that uploads of the repository are begun at. */
  readonly start: string;
  readonly target: Target;
  /** Names the blob in errors. */
  readonly what: string;
}

/** An upload that the registry has begun. */
interface Session {
  url: string;
  /** Bytes that the registry has. */
  offset: number;
  /** The least that the registry takes as a chunk. */
  readonly leastChunk: number;
}

const CHUNK = 16 * 1024 * 1024;
const SMALLEST_CHUNK = 1024 * 1024;
const LARGEST_CHUNK = 1024 * 1024 * 1024;
const octets = { "content-type": "application/octet-stream" };

/** The upload is unknown to the registry, or stands elsewhere than we think. */
class LostError extends CtrError {}

/** Smaller pieces may do. */
class TooLargeError extends LostError {}

export class Upload {
  readonly #plan: UploadPlan;
  readonly #size: number;
  readonly #patience: Patience;
  /** Bytes in one request; undefined for all of them. */
  #chunk: number | undefined;
  #retryAfter: string | null = null;
  #begun: Session | undefined;

  constructor(plan: UploadPlan, patience: Partial<Patience> = {}) {
    this.#plan = plan;
    this.#size = Number(plan.target.size);
    this.#patience = { ...defaultPatience, ...patience };
  }

  /**
   * Asks for the blob of another repository. False if the registry doesn't give it: what it begins in place of
   * that, the next `mount` or {@linkcode abandon} takes back, and {@linkcode send} goes on with.
   */
  async mount(place: Place, from: string, signal?: AbortSignal): Promise<boolean> {
    await this.abandon(signal);
    const { start, target } = this.#plan;
    const query = `?mount=${encodeURIComponent(target.digest)}&from=${encodeURIComponent(from)}`;
    const request = {
      method: "POST",
      url: start + query,
      headers: octets,
      patience: this.#patience,
    } as const;
    const answer = await exchange(place, request, signal);
    await answer.body?.cancel();
    if (answer.status === 202) this.#begun = this.#sessionOf(answer);
    return answer.status === 201;
  }

  /** Takes back what was begun. */
  async abandon(signal?: AbortSignal): Promise<void> {
    if (!this.#begun) return;
    const { url } = this.#begun;
    this.#begun = undefined;
    try {
      const answer = await this.#ask({ method: "DELETE", url, headers: {} }, signal);
      await answer.body?.cancel();
    } catch {
      // It is the registry's to clear up.
      signal?.throwIfAborted();
    }
  }

  /** Sends the bytes, as often as patience allows; every try that got further than those before is forgiven. */
  async send(bytes: BlobBytes, { signal, onProgress = () => {} }: UploadOptions = {}): Promise<void> {
    let session = this.#begun;
    this.#begun = undefined;
    let furthest = 0;
    for (let attempt = 1;; attempt++) {
      session ??= await this.#begin(signal);
      try {
        return await this.#finish(session, bytes, onProgress, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isPassing(error) || attempt >= this.#patience.tries) throw this.#about(error);
        const lost = error instanceof LostError;
        if (!lost) await delay(waitFor(this.#retryAfter, attempt), signal);
        session = session && !lost ? await this.#resume(session, signal) : undefined;
        const offset = session?.offset ?? 0;
        if (offset > furthest || error instanceof TooLargeError) attempt = 0;
        furthest = Math.max(furthest, offset);
        onProgress(offset);
      }
    }
  }

  async #begin(signal?: AbortSignal): Promise<Session> {
    const { start } = this.#plan;
    const request = { method: "POST", url: start, headers: octets, patience: this.#patience } as const;
    const answer = await exchange(this.#plan.place, request, signal);
    if (answer.status !== 202) throw await this.#refused(answer);
    await answer.body?.cancel();
    return this.#sessionOf(answer);
  }

  #sessionOf(answer: Answer): Session {
    const least = Number(answer.headers.get("oci-chunk-min-length") ?? 0);
    return { url: this.#locationOf(answer), offset: 0, leastChunk: Math.min(least || 0, LARGEST_CHUNK) };
  }

  async #finish(
    session: Session,
    bytes: BlobBytes,
    onProgress: (sent: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.#chunk === undefined && session.offset === 0) {
      const whole = bodyOf(bytes, 0, this.#size, onProgress);
      return await this.#close(session, whole, signal);
    }
    while (session.offset < this.#size) await this.#sendChunk(session, bytes, onProgress, signal);
    await this.#close(session, bodyOf(bytes, this.#size, 0, onProgress), signal);
  }

  /** The last request, with the bytes that are left: the registry compares all with the digest. */
  async #close({ url }: Session, body: Outgoing, signal?: AbortSignal): Promise<void> {
    const digest = `digest=${encodeURIComponent(this.#plan.target.digest)}`;
    const address = url + (url.includes("?") ? "&" : "?") + digest;
    const answer = await this.#ask({ method: "PUT", url: address, headers: octets, body }, signal);
    if (answer.status === 413 && body.size > 0) return await this.#splitUp(answer);
    if (answer.status < 200 || answer.status > 299) throw await this.#refused(answer);
    await checkStored(answer, this.#plan.target.digest, this.#plan.what);
  }

  async #sendChunk(
    session: Session,
    bytes: BlobBytes,
    onProgress: (sent: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { url, offset } = session;
    const size = Math.min(Math.max(this.#chunk ?? CHUNK, session.leastChunk), this.#size - offset);
    const headers = { ...octets, "content-range": `${offset}-${offset + size - 1}` };
    const body = bodyOf(bytes, offset, size, onProgress);
    const answer = await this.#ask({ method: "PATCH", url, headers, body }, signal);
    if (answer.status === 413) return await this.#splitUp(answer);
    if (answer.status < 200 || answer.status > 299) throw await this.#refused(answer);
    await answer.body?.cancel();
    session.url = this.#locationOf(answer);
    session.offset = receivedBytes(answer) ?? offset + size;
    if (session.offset <= offset || session.offset > offset + size) {
      const words = `of ${offset + size} bytes the registry has ${session.offset}`;
      throw new LostError(Code.Unavailable, words);
    }
  }

  /** Throws; what comes next is sent in smaller pieces. */
  async #splitUp(answer: Answer): Promise<never> {
    const before = this.#chunk ?? this.#size;
    const refused = await this.#refused(answer);
    if (before <= SMALLEST_CHUNK) throw refused;
    this.#chunk = Math.max(Math.min(Math.ceil(before / 4), CHUNK), SMALLEST_CHUNK);
    throw new TooLargeError(refused.code, refused.message);
  }

  /** How far the registry has come; undefined if it doesn't know of the upload any more. */
  async #resume({ url, leastChunk }: Session, signal?: AbortSignal): Promise<Session | undefined> {
    try {
      const answer = await this.#ask({ method: "GET", url, headers: {} }, signal);
      await answer.body?.cancel();
      const offset = receivedBytes(answer);
      if (answer.status !== 204 || offset === undefined || offset > this.#size) return undefined;
      const next = answer.headers.has("location") ? this.#locationOf(answer) : url;
      return { url: next, offset, leastChunk };
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }

  /** One try: what comes next depends on how far this one got. */
  #ask(request: HttpRequest, signal?: AbortSignal): Promise<Answer> {
    this.#retryAfter = null;
    return exchange(this.#plan.place, { ...request, patience: { ...this.#patience, tries: 1 } }, signal);
  }

  async #refused(answer: Answer): Promise<CtrError> {
    this.#retryAfter = answer.headers.get("retry-after");
    if (answer.status < 300) return await strange(answer, this.#plan.what);
    const error = await errorOfAnswer(answer, this.#plan.what);
    // An upload that a registry has forgotten is begun again.
    const lost = answer.status === 404 || answer.status === 416;
    return lost && answer.url !== this.#plan.start ? new LostError(error.code, error.message) : error;
  }

  #locationOf(answer: Answer): string {
    return uploadAddress(answer, originOf(this.#plan.place.host), this.#plan.what);
  }

  #about(error: unknown): unknown {
    const { what } = this.#plan;
    if (error instanceof LostError || error instanceof CtrError && !error.message.includes(what)) {
      const words = messageOf(error);
      return new CtrError(error.code, words.includes(what) ? words : `${what}: ${words}`, { cause: error });
    }
    return error;
  }
}

/**
 * Reads what a registry answers to the last request of an upload. Throws FailedPrecondition unless it says that it
 * has stored what we sent: not everybody who answers 200 is a registry.
 */
export async function checkStored(answer: Answer, digest: string, what: string): Promise<void> {
  const { status, headers } = answer;
  if (status < 200 || status > 299) throw await errorOfAnswer(answer, what);
  await answer.body?.cancel();
  const stored = headers.get("docker-content-digest");
  if (stored && stored !== digest) {
    throw failedPrecondition(`${what}: the registry says that it has stored ${stored}`);
  }
  if (!stored && status !== 201 && status !== 204) throw await strange(answer, what);
}

async function strange(answer: Answer, what: string): Promise<CtrError> {
  await answer.body?.cancel();
  return failedPrecondition(`${what}: ${shown(answer.url)} answers ${answer.status}, not as a registry does`);
}

const isPassing = (error: unknown) => error instanceof LostError || isError(error, Code.Unavailable);

function bodyOf(
  bytes: BlobBytes,
  offset: number,
  size: number,
  onProgress: (sent: number) => void,
): Outgoing {
  const onTaken = (sent: number) => onProgress(offset + sent);
  if (size === 0) return outgoingBytes(new Uint8Array());
  if (bytes.path !== undefined) return { ...outgoingFile(bytes.path, offset, size), onTaken };
  return { size, onTaken, open: () => bytes.read(offset, size) };
}

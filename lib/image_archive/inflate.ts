/**
 * Archives as they come: gzip, zstd or plain, told apart by their first bytes. Decompression is pure work, which
 * the daemon's main thread can't spare, so a Worker does it, no faster than its output is used.
 */
import { detectCompression } from "../archive/mod.ts";
import { Code, CtrError } from "../errors.ts";
import type { FromInflater, ToInflater } from "./inflate_job.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes needed to tell the compression. */
const MAGIC_BYTES = 4;

/** The bytes of `source`, decompressed. Throws InvalidArgument for damaged ones, ResourceExhausted for a bomb. */
export async function* inflated(source: AsyncIterable<Bytes>, signal?: AbortSignal): AsyncGenerator<Bytes> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const head = await headOf(iterator);
    const whole = withHead(head, iterator);
    if (detectCompression(head) === "none") yield* whole;
    else yield* throughWorker(whole, signal);
  } finally {
    await iterator.return?.();
  }
}

async function headOf(iterator: AsyncIterator<Bytes>): Promise<Bytes> {
  let head = new Uint8Array(0);
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await iterator.next();
    if (done) break;
    const joined = new Uint8Array(head.length + value.length);
    joined.set(head);
    joined.set(value, head.length);
    head = joined;
  }
  return head;
}

async function* withHead(head: Bytes, iterator: AsyncIterator<Bytes>): AsyncGenerator<Bytes> {
  if (head.length > 0) yield head;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
}

async function* throughWorker(source: AsyncIterable<Bytes>, signal?: AbortSignal): AsyncGenerator<Bytes> {
  using inflater = new Inflater(signal);
  for await (const bytes of source) {
    inflater.post({ type: "bytes", bytes });
    yield* inflater.outputs();
  }
  inflater.post({ type: "end" });
  yield* inflater.outputs();
}

/** One Worker, asked for one thing at a time. */
class Inflater implements Disposable {
  readonly #worker = new Worker(new URL("./inflate_worker.ts", import.meta.url), { type: "module" });
  readonly #replies: FromInflater[] = [];
  readonly #signal: AbortSignal | undefined;
  #wake = () => {};
  readonly #onAbort = () => this.#wake();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#worker.onmessage = ({ data }: MessageEvent<FromInflater>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#take({ type: "failed", code: Code.Internal, message: `decompression crashed: ${event.message}` });
    };
  }

  post(message: ToInflater): void {
    // Bytes are not ours to give away: the Worker gets a copy.
    this.#worker.postMessage(message);
  }

  /** What comes of the last thing asked for. */
  async *outputs(): AsyncGenerator<Bytes> {
    for (;;) {
      const reply = await this.#next();
      if (reply.type === "done") return;
      if (reply.type === "failed") throw new CtrError(reply.code, reply.message);
      yield reply.bytes;
      this.post({ type: "used" });
    }
  }

  async #next(): Promise<FromInflater> {
    for (;;) {
      this.#signal?.throwIfAborted();
      const reply = this.#replies.shift();
      if (reply) return reply;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #take(reply: FromInflater): void {
    this.#replies.push(reply);
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#worker.terminate();
  }
}

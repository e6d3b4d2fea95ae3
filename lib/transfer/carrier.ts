/**
 * Sends what is long from a Worker: reading and sending a blob keeps a thread busy, which the daemon's main one
 * can't spare, as its API has to answer within milliseconds meanwhile.
 */
import { Code, CtrError } from "../errors.ts";
import { type Answer, type HttpRequest, send, type Sender } from "../remotes/mod.ts";
import type { FromWorker, ToWorker, WholeAnswer } from "./carrier_job.ts";

/** Somebody's turn at the carrier, who must end it. */
export interface Turn extends Disposable {
  readonly send: Sender;
}

interface Job {
  readonly done: PromiseWithResolvers<WholeAnswer>;
  readonly onTaken?: (sent: number) => void;
  readonly onLog?: (text: string) => void;
}

/** Bytes from which on a body is worth a Worker's start. */
const LONG = 1 << 20;
/**
 * Milliseconds that the Worker stays without a turn. Whoever pushes one image often pushes another, and a Worker's
 * start keeps this thread for 30 or more, in which nobody is answered.
 */
const PATIENCE = 30_000;

/** One Worker for all, started when first needed and kept for a while after the last turn. */
export class Carrier implements Disposable {
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | undefined;
  #turns = 0;
  #lastId = 0;
  #dismissal: ReturnType<typeof setTimeout> | undefined;

  /** A turn; the Worker stays as long as there is one. */
  enter(): Turn {
    clearTimeout(this.#dismissal);
    this.#turns++;
    let ended = false;
    return {
      send: (request, signal) => this.#send(request, signal),
      [Symbol.dispose]: () => {
        if (ended) return;
        ended = true;
        if (--this.#turns === 0 && this.#worker) this.#rest();
      },
    };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#dismissal);
    this.#end(new CtrError(Code.Canceled, "the daemon is closing"));
  }

  #rest(): void {
    this.#dismissal = setTimeout(() => this[Symbol.dispose](), PATIENCE);
    this.#dismissal.unref();
  }

  async #send(request: HttpRequest, signal?: AbortSignal): Promise<Answer> {
    const { body, log, ...rest } = request;
    if (typeof body !== "object" || !body.file || body.size < LONG) return await send(request, signal);
    const { file, size, onTaken } = body;
    const wanted = log && { dump: log.dump, trace: log.trace };
    const load = { request: rest, log: wanted, file: { ...file, size } };
    const job = { done: Promise.withResolvers<WholeAnswer>(), onTaken, onLog: log?.tell };
    const answer = await this.#run(job, load, signal);
    const stream = answer.body.length > 0 ? new Blob([answer.body]).stream() : null;
    return {
      ...answer,
      headers: new Headers(answer.headers.map(([name, value]) => [name, value])),
      body: stream,
    };
  }

  async #run(
    job: Job,
    load: Extract<ToWorker, { type: "send" }>["load"],
    signal?: AbortSignal,
  ): Promise<WholeAnswer> {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const worker = this.#worker ??= this.#start();
    const post = (message: ToWorker) => worker.postMessage(message);
    const onAbort = () => post({ id, type: "abort" });
    this.#jobs.set(id, job);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      post({ id, type: "send", load });
      return await job.done.promise;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.#jobs.delete(id);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./carrier_worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.#worker === worker) {
        this.#end(new CtrError(Code.Internal, `upload worker crashed: ${event.message}`));
      }
    };
    return worker;
  }

  #take(message: FromWorker): void {
    const job = this.#jobs.get(message.id);
    if (!job) return;
    if (message.type === "sent") job.onTaken?.(message.bytes);
    else if (message.type === "log") job.onLog?.(message.text);
    else if (message.type === "answer") job.done.resolve(message.answer);
    else job.done.reject(new CtrError(message.code, message.message));
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { done } of this.#jobs.values()) done.reject(reason);
  }
}

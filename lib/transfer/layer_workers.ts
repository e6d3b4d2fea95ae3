/**
 * The pool of {@linkcode LayerJob} Workers. Inflating and writing a layer takes seconds of pure work, which the
 * daemon's main thread can't spare: its API has to answer within milliseconds meanwhile.
 */
import { Code, CtrError, unavailable } from "../errors.ts";
import type { MadeLayer } from "../archive/mod.ts";
import { ended } from "../rpc/running.ts";
import { joinHalves, loseHalf, shareLayer } from "./halves.ts";
import {
  errorOf,
  type Failure,
  type Job,
  type LayerJob,
  type LayerResult,
  type Reply,
  type Result,
} from "./layer_job.ts";
import type { CompressedLayer, CompressJob } from "./compress_layer.ts";
import type { MakeJob } from "./make_layer.ts";

export { InterruptedError, type LayerJob, type LayerResult } from "./layer_job.ts";

/** How a job is watched. */
export interface LayerJobOptions {
  readonly signal?: AbortSignal;
  /** Others come with it that are as much work together: it doesn't get two Workers. */
  readonly accompanied?: boolean;
  /** Told now and then how many bytes of the layer, as it comes, are through. */
  readonly onProgress?: (progress: { received: number }) => void;
  /** Told what the job's `log` asks for. */
  readonly onLog?: (text: string) => void;
}

interface Task {
  job: Job;
  readonly size: number;
  readonly options: LayerJobOptions;
  readonly done: PromiseWithResolvers<Result>;
  onAbort?: () => void;
  /** The other half of a layer that two Workers share. */
  second?: Task;
}

interface Seat {
  worker: Worker;
  task?: Task;
}

const MOST_WORKERS = 3;
/** Milliseconds that Workers stay without a job: each takes 15 MB or so, and 20 ms to start. */
const PATIENCE = 2000;
/** Bytes of a layer, as it comes, that are worth a second Worker. */
const WORTH_SHARING = 2 << 20;

/**
 * A few Workers, started when needed and kept while jobs come, that take the largest job first. A large layer that
 * comes alone is shared by two: see shared_layer.ts. A job fails with an
 * {@linkcode InterruptedError} if its transfer broke off and may be tried again from the ingest; with
 * FailedPrecondition if the bytes aren't those asked for; with InvalidArgument if they aren't a layer. When `run`
 * settles, also after an abort, nothing writes to the job's ingest and target any more.
 */
export class LayerWorkers implements AsyncDisposable {
  readonly #count: number;
  readonly #patience: number;
  readonly #seats: Seat[] = [];
  readonly #queue: Task[] = [];
  #closed = false;
  #dismissal: ReturnType<typeof setTimeout> | undefined;

  /** `count`: Workers at most; `patience`: milliseconds that they are kept without a job. */
  constructor(options: { count?: number; patience?: number } = {}) {
    this.#patience = options.patience ?? PATIENCE;
    this.#count = options.count ?? Math.min(navigator.hardwareConcurrency, MOST_WORKERS);
  }

  /** Workers there are now. */
  get size(): number {
    return this.#seats.length;
  }

  /** Starts a Worker, if there is none, for jobs that will come soon. */
  prepare(): void {
    if (this.#seats.length === 0 && !this.#closed) this.#hire();
    this.#next();
  }

  /** Does one job. Rejects with the signal's reason after an abort. */
  async run(job: LayerJob, options: LayerJobOptions = {}): Promise<LayerResult> {
    return await this.#do(job, options) as LayerResult;
  }

  /** Makes one layer. Throws NeedsMountError (lib/archive) if its upper directory can't be read by itself. */
  async make(job: MakeJob, options: LayerJobOptions = {}): Promise<MadeLayer> {
    return await this.#do(job, options) as MadeLayer;
  }

  /** Compresses one layer. */
  async compress(job: CompressJob, options: LayerJobOptions = {}): Promise<CompressedLayer> {
    return await this.#do(job, options) as CompressedLayer;
  }

  async #do(job: Job, options: LayerJobOptions): Promise<Result> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw unavailable("layer workers are closed");
    const task: Task = { job, size: await sizeOf(job), options, done: Promise.withResolvers() };
    if (options.signal) {
      task.onAbort = () => this.#abort(task);
      options.signal.addEventListener("abort", task.onAbort, { once: true });
    }
    const place = this.#queue.findIndex((other) => other.size < task.size);
    this.#queue.splice(place < 0 ? this.#queue.length : place, 0, task);
    if (options.signal?.aborted) this.#abort(task);
    this.#next();
    try {
      return await task.done.promise;
    } finally {
      if (task.onAbort) options.signal?.removeEventListener("abort", task.onAbort);
    }
  }

  /** Ends all Workers; jobs that aren't done fail. A Worker that is terminated goes on for a moment: each stops before. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#dismissal);
    for (const task of this.#queue.splice(0)) task.done.reject(closing());
    const busy = this.#seats.flatMap(({ task }) => task ?? []);
    for (const task of busy) this.#stop(task, closing());
    await ended(busy.map(({ done }) => done.promise));
    for (const seat of this.#seats.splice(0)) this.#end(seat, closing());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #next() {
    clearTimeout(this.#dismissal);
    while (this.#queue.length > 0 && this.#jobs < this.#count && !this.#closed) {
      const task = this.#queue.shift()!;
      if (this.#isShared(task)) this.#share(task);
      this.#begin(task);
      if (task.second) this.#begin(task.second);
    }
    if (this.#seats.length === 0 || this.#seats.some(({ task }) => task)) return;
    this.#dismissal = setTimeout(() => this.#dismiss(), this.#patience);
    this.#dismissal.unref();
  }

  /** Jobs that are being done. A second half is none of its own, so that a slow transfer takes nobody's place. */
  get #jobs(): number {
    return this.#seats.filter(({ task }) => task && !("unpack" in task.job)).length;
  }

  /** Whether a layer is worth two Workers, nothing waits behind it, and a processor has nothing to do. */
  #isShared({ job, size, options }: Task): boolean {
    const busy = this.#seats.filter(({ task }) => task).length;
    return "target" in job && job.target !== undefined && size >= WORTH_SHARING && !options.accompanied &&
      this.#queue.length === 0 && busy + 2 <= this.#count;
  }

  #share(task: Task) {
    const [first, second] = shareLayer(task.job as LayerJob);
    task.job = first;
    task.second = { job: second, size: 0, options: {}, done: Promise.withResolvers() };
    // The first half tells of it.
    task.second.done.promise.catch(() => {});
  }

  #begin(task: Task) {
    const seat = this.#seats.find((seat) => !seat.task) ?? this.#hire();
    try {
      seat.worker.postMessage({ type: "run", job: task.job });
      seat.task = task;
    } catch (error) {
      lose(task, error);
    }
  }

  #dismiss() {
    for (const { worker } of this.#seats.splice(0)) worker.terminate();
  }

  #hire(): Seat {
    const worker = new Worker(new URL("./layer_worker.ts", import.meta.url), { type: "module" });
    const seat: Seat = { worker };
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(seat, data);
    worker.onmessageerror = () => this.#crashed(seat, "sent something unreadable");
    worker.onerror = (event) => {
      event.preventDefault();
      this.#crashed(seat, event.message);
    };
    this.#seats.push(seat);
    return seat;
  }

  #take(seat: Seat, reply: Reply) {
    const task = seat.task;
    if (!task) return;
    if (reply.type === "progress") return task.options.onProgress?.({ received: reply.received });
    if (reply.type === "log") return task.options.onLog?.(reply.text);
    seat.task = undefined;
    settle(
      task,
      reply.type === "done" ? Promise.resolve(reply.result) : Promise.reject(this.#failure(task, reply)),
    );
    this.#next();
  }

  /** Its job fails; the next one gets a new Worker. */
  #crashed(seat: Seat, why: string) {
    const at = this.#seats.indexOf(seat);
    if (at >= 0) this.#seats.splice(at, 1);
    this.#end(seat, new CtrError(Code.Internal, `layer worker crashed: ${why}`));
    this.#next();
  }

  #end({ worker, task }: Seat, reason: Error) {
    worker.terminate();
    if (task) lose(task, reason);
  }

  #failure({ options: { signal } }: Task, reply: Failure) {
    if (signal?.aborted) return signal.reason;
    return this.#closed ? closing() : errorOf(reply);
  }

  #abort(task: Task) {
    const { reason } = task.options.signal!;
    const queued = this.#queue.indexOf(task);
    if (queued < 0) return this.#stop(task, reason);
    this.#queue.splice(queued, 1);
    task.done.reject(reason);
  }

  /** Has a Worker stop what it does; its reply settles the task. */
  #stop(task: Task, reason: unknown) {
    this.#seats.find((seat) => seat.task === task)?.worker.postMessage({ type: "abort" });
    // A half that waits for the other doesn't hear that.
    if (task.second) loseHalf(task.job, reason);
  }
}

const closing = () => new CtrError(Code.Canceled, "layer workers are closing");

/** Gives a task's outcome, and of one with two halves that of both. */
function settle(task: Task, outcome: Promise<Result>) {
  // Of a task that has one already nobody listens.
  outcome.catch(() => {});
  task.done.resolve(task.second ? joinHalves(outcome, task.second.done.promise) : outcome);
}

function lose(task: Task, error: unknown) {
  loseHalf(task.job, error);
  settle(task, Promise.reject(error));
}

async function sizeOf(job: Job): Promise<number> {
  // How much a tree holds would have to be counted: it waits behind the layers that others wait for.
  if ("make" in job || "unpack" in job) return 0;
  if ("compress" in job) return (await Deno.stat(job.compress)).size;
  const { source, ingest, expected } = job;
  if (ingest || expected) return (ingest ?? expected)!.size;
  return "file" in source ? (await Deno.stat(source.file)).size : 0;
}

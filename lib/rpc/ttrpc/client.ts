/**
 * A ttrpc client: what `ctr` speaks to the daemon, and the daemon to shims.
 *
 * Unary calls share one connection. Each streaming call has a connection of its own, unless it is said to be brief:
 * ttrpc has no flow control by stream, so a consumer that reads slowly would otherwise hold up every other call.
 * Nothing here loads node's modules or timers: it is on the path of every `ctr` command.
 */
import type { Status } from "../../api/google/rpc/status.ts";
import { Request, Response } from "../../api/ttrpc/request.ts";
import { CtrError, unavailable } from "../../errors.ts";
import { leaseHeader, namespaceHeader, ttrpcNamespaceHeader } from "../context.ts";
import { encode, encodeInPieces } from "../encode.ts";
import { Queue } from "../queue.ts";
import {
  type CallOptions,
  type Channel,
  type Codec,
  complete,
  type MethodDefinition,
  type ServiceDefinition,
  type Stub,
  withDefaults,
} from "../service.ts";
import { errorOf } from "../status.ts";
import { Flag, type Frame, FrameType, FrameWriter, type Payload, readFrames } from "./frame.ts";

/** Connects to the socket at `path`. Throws Unavailable, naming the path, if nobody listens. */
export async function connectTtrpc(path: string): Promise<Channel> {
  return new TtrpcChannel(path, await Connection.open(path));
}

class TtrpcChannel implements Channel {
  readonly #path: string;
  readonly #unary: Connection;
  readonly #streaming = new Set<Connection>();
  #closed = false;

  constructor(path: string, unary: Connection) {
    this.#path = path;
    this.#unary = unary;
  }

  stub<D extends ServiceDefinition>(definition: D, defaults: CallOptions = {}): Stub<D> {
    const methods = Object.entries(definition.methods).map(([key, method]) => {
      const call = (request: unknown, options: CallOptions = {}) =>
        this.#call(definition.fullName, method, request, withDefaults(options, defaults));
      return [key, call];
    });
    return Object.fromEntries(methods) as Stub<D>;
  }

  #call(service: string, method: MethodDefinition, request: unknown, options: CallOptions): unknown {
    if (method.requestStream || method.responseStream) {
      const stream = this.#stream(service, method, request, options);
      return method.responseStream ? stream : single(stream, `${service}/${method.name}`);
    }
    return this.#unaryCall(service, method, request, options);
  }

  async #unaryCall(service: string, method: MethodDefinition, request: unknown, options: CallOptions) {
    using call = this.#unary.call(options.signal);
    await call.request(service, method.name, bytesOf(method.requestType, request), options, 0);
    for await (const frame of call.frames) {
      if (frame.type === FrameType.Response) return method.responseType.decode(payloadOf(frame));
    }
    throw unavailable(`${service}/${method.name}: no answer`);
  }

  async *#stream(service: string, method: MethodDefinition, request: unknown, options: CallOptions) {
    using own = options.brief ? undefined : await this.#open();
    const connection = own?.connection ?? this.#unary;
    using call = connection.call(options.signal);
    if (method.requestStream) {
      await call.request(service, method.name, new Uint8Array(0), options, Flag.RemoteOpen | Flag.NoData);
      const feeding = call.feed(method.requestType, request as AsyncIterable<Partial<unknown>>);
      feeding.catch((error) => call.frames.fail(error));
    } else {
      const bytes = bytesOf(method.requestType, request);
      await call.request(service, method.name, bytes, options, Flag.RemoteClosed);
    }
    for await (const frame of call.frames) {
      if (frame.type === FrameType.Response) {
        const payload = payloadOf(frame);
        // A streaming answer ends with an empty response from us, and never carries a message in it.
        if (!method.responseStream) yield method.responseType.decode(payload);
        return;
      }
      if (!(frame.flags & Flag.NoData)) yield method.responseType.decode(frame.payload);
      if (frame.flags & Flag.RemoteClosed) return;
    }
  }

  /** A connection for one streaming call; disposing ends it. */
  async #open(): Promise<{ connection: Connection } & Disposable> {
    const connection = await Connection.open(this.#path);
    if (this.#closed) {
      connection.close();
      throw unavailable("the connection is closed");
    }
    this.#streaming.add(connection);
    const end = () => {
      connection.close();
      this.#streaming.delete(connection);
    };
    return { connection, [Symbol.dispose]: end };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#unary.close();
    for (const connection of this.#streaming) connection.close();
    return Promise.resolve();
  }
}

/** One socket: calls by stream id, and the loop that gives each its frames. */
class Connection {
  readonly #conn: Deno.Conn;
  readonly #writer: FrameWriter;
  readonly #calls = new Map<number, Call>();
  #nextStream = 1;
  #lost: unknown;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.#writer = new FrameWriter(conn);
    this.#read();
  }

  static async open(path: string): Promise<Connection> {
    try {
      return new Connection(await Deno.connect({ transport: "unix", path }));
    } catch (error) {
      throw unavailable(`cannot connect to ${path}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** A new call; disposing it forgets it, and cancels it at the server if it is still open. */
  call(signal: AbortSignal | undefined): Call {
    signal?.throwIfAborted();
    if (this.#lost) throw this.#lost;
    const id = this.#nextStream;
    this.#nextStream += 2;
    const call = new Call(id, this.#writer, signal, () => this.#calls.delete(id));
    this.#calls.set(id, call);
    return call;
  }

  close(): void {
    this.#end(unavailable("the connection is closed"));
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#conn)) {
        const room = this.#calls.get(frame.stream)?.take(frame);
        if (room) await room;
      }
      this.#end(unavailable("the connection was closed by the server"));
    } catch (error) {
      this.#end(unavailable(`the connection broke: ${(error as Error).message}`, { cause: error }));
    }
  }

  #end(error: unknown): void {
    this.#lost ??= error;
    for (const call of this.#calls.values()) call.frames.fail(this.#lost);
    this.#calls.clear();
  }
}

/** How many frames of one stream wait for a slow consumer before its connection is no longer read. */
const framesInWait = 16;

class Call {
  readonly frames: Queue<Frame> = new Queue(framesInWait);
  readonly #id: number;
  readonly #writer: FrameWriter;
  readonly #signal: AbortSignal | undefined;
  readonly #forget: () => void;
  #open = false;
  readonly #onAbort = () => this.frames.fail(this.#signal!.reason);

  constructor(id: number, writer: FrameWriter, signal: AbortSignal | undefined, forget: () => void) {
    this.#id = id;
    this.#writer = writer;
    this.#signal = signal;
    this.#forget = forget;
    signal?.addEventListener("abort", this.#onAbort);
  }

  async request(service: string, method: string, payload: Uint8Array, options: CallOptions, flags: number) {
    if (options.timeout) withTimeout(this.frames, options.timeout);
    const timeoutNano = BigInt(Math.round((options.timeout ?? 0) * 1e6));
    const request = { service, method, payload, timeoutNano, metadata: metadataOf(options) };
    this.#open = true;
    await this.#send(FrameType.Request, flags, encodeInPieces(Request, request));
  }

  /** A peer that hung up is Unavailable, whether that is noticed in writing or in reading. */
  async #send(type: number, flags: number, payload?: Payload): Promise<void> {
    try {
      await this.#writer.send(this.#id, type, flags, payload);
    } catch (error) {
      if (error instanceof CtrError) throw error;
      throw unavailable(`the connection broke: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Sends the messages of a client's stream, then its end. */
  async feed<T>(codec: Codec<T>, messages: AsyncIterable<Partial<T>>): Promise<void> {
    for await (const message of messages) {
      if (!this.#open) return;
      await this.#send(FrameType.Data, 0, encodeInPieces(codec, complete(codec, message)));
    }
    if (this.#open) await this.#send(FrameType.Data, Flag.RemoteClosed | Flag.NoData);
  }

  take(frame: Frame): Promise<void> | void {
    if (frame.type === FrameType.Response || frame.flags & Flag.RemoteClosed) this.#open = false;
    return this.frames.push(frame);
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#forget();
    // ttrpc has no word for "cancel": an end of the request's stream said again is ours (see server.ts).
    if (this.#open) {
      this.#writer.send(this.#id, FrameType.Data, Flag.RemoteClosed | Flag.NoData).catch(() => {});
    }
    this.#open = false;
  }
}

function payloadOf(frame: Frame): Uint8Array {
  const { status, payload } = Response.decode(frame.payload);
  if (status && status.code !== 0) throw errorOf(status as Status);
  return payload;
}

function bytesOf<T>(codec: Codec<T>, message: unknown): Uint8Array {
  return encode(codec, complete(codec, message as Partial<T>));
}

function metadataOf(options: CallOptions): { key: string; value: string }[] {
  const metadata: { key: string; value: string }[] = [];
  if (options.namespace) {
    metadata.push({ key: namespaceHeader, value: options.namespace });
    metadata.push({ key: ttrpcNamespaceHeader, value: options.namespace });
  }
  if (options.lease) metadata.push({ key: leaseHeader, value: options.lease });
  return metadata;
}

/** Loaded only when asked for: timers cost a command 5 ms of start-up. */
function withTimeout(frames: Queue<Frame>, timeout: number): void {
  const signal = AbortSignal.timeout(timeout);
  signal.addEventListener("abort", () => frames.fail(signal.reason));
}

async function single<T>(stream: AsyncIterable<T>, what: string): Promise<T> {
  for await (const message of stream) return message;
  throw unavailable(`${what}: no answer`);
}

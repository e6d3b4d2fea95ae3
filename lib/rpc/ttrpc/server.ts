/** A ttrpc server: serves the same services as gRPC does, lightly. */
import { Request, Response } from "../../api/ttrpc/request.ts";
import { Code, CtrError, invalidArgument, unimplemented } from "../../errors.ts";
import { serveConnections, type Server } from "../accept.ts";
import { contextOf, namespaceHeader, ttrpcNamespaceHeader } from "../context.ts";
import { encode, encodeInPieces } from "../encode.ts";
import { Queue } from "../queue.ts";
import type { CallContext, MethodDefinition, Service } from "../service.ts";
import { statusOf } from "../status.ts";
import { Flag, type Frame, FrameType, FrameWriter, maxPayload, oversize, readFrames } from "./frame.ts";

interface Method {
  definition: MethodDefinition;
  // deno-lint-ignore no-explicit-any
  handler: ((request: any, context: CallContext) => any) | undefined;
}

/** Serves `services` on a listener, which it closes in the end. */
export function serveTtrpc(listener: Deno.Listener, services: readonly Service[]): Server {
  const methods = tableOf(services);
  return serveConnections(listener, (conn) => new ServerConnection(conn, methods));
}

function tableOf(services: readonly Service[]): Map<string, Method> {
  const methods = new Map<string, Method>();
  for (const { definition, impl } of services) {
    for (const [key, method] of Object.entries(definition.methods)) {
      methods.set(`${definition.fullName}/${method.name}`, {
        definition: method,
        handler: impl[key]?.bind(impl),
      });
    }
  }
  return methods;
}

/** Our own and most Go clients send both; a proxy of gRPC calls may have only the first. */
const namespaceKeys = [namespaceHeader, ttrpcNamespaceHeader];

/** How many messages of a client's stream wait for a slow handler before its connection is no longer read. */
const messagesInWait = 16;

interface ActiveCall {
  abort: AbortController;
  /** Messages of the client's stream; undefined once it has said its end. */
  input: Queue<Uint8Array> | undefined;
}

class ServerConnection {
  readonly #conn: Deno.Conn;
  readonly #writer: FrameWriter;
  readonly #methods: Map<string, Method>;
  readonly #calls = new Map<number, ActiveCall>();
  readonly #running = new Set<Promise<void>>();
  #lastStream = 0;

  constructor(conn: Deno.Conn, methods: Map<string, Method>) {
    this.#conn = conn;
    this.#writer = new FrameWriter(conn);
    this.#methods = methods;
  }

  /** Reads until the client hangs up or breaks the protocol, then cancels what it had asked for. */
  async serve(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#conn)) {
        const room = this.#take(frame);
        if (room) await room;
      }
    } catch {
      // The client is gone or speaks something else: either way its connection ends, and nobody else's.
    } finally {
      this.close();
      await Promise.all(this.#running);
    }
  }

  close(): void {
    for (const call of this.#calls.values()) {
      call.abort.abort(new CtrError(Code.Canceled, "the client hung up"));
      call.input?.fail(call.abort.signal.reason);
    }
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  #take(frame: Frame): Promise<void> | void {
    if (frame.type === oversize) {
      const text = `message is longer than ${maxPayload} bytes`;
      this.#respond(frame.stream, new CtrError(Code.ResourceExhausted, text));
    } else if (frame.type === FrameType.Request) this.#start(frame);
    else if (frame.type === FrameType.Data) return this.#data(frame);
  }

  #data(frame: Frame): Promise<void> | void {
    const call = this.#calls.get(frame.stream);
    if (!call) return;
    // Said by our own clients only: see Call[Symbol.dispose] in client.ts.
    if (!call.input) return call.abort.abort(new CtrError(Code.Canceled, "the client cancelled the call"));
    const room = frame.flags & Flag.NoData ? undefined : call.input.push(frame.payload);
    if (frame.flags & Flag.RemoteClosed) {
      call.input.close();
      call.input = undefined;
    }
    return room;
  }

  #start(frame: Frame): void {
    let request: Request;
    try {
      this.#checkId(frame.stream);
      request = Request.decode(frame.payload);
    } catch (error) {
      this.#respond(frame.stream, error);
      return;
    }
    const call: ActiveCall = { abort: new AbortController(), input: undefined };
    const method = this.#methods.get(`${request.service}/${request.method}`);
    if (method?.definition.requestStream) call.input = new Queue(messagesInWait);
    if (frame.flags & Flag.RemoteClosed) call.input?.close();
    this.#calls.set(frame.stream, call);
    const running = this.#run(frame.stream, request, method, call).finally(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Clients' ids are odd and rise, so that an answer can never be taken for another call's. */
  #checkId(stream: number): void {
    if (stream % 2 !== 1) throw invalidArgument("stream ids of clients are odd");
    if (stream <= this.#lastStream) throw invalidArgument("stream ids rise, and are not used again");
    this.#lastStream = stream;
  }

  async #run(stream: number, request: Request, method: Method | undefined, call: ActiveCall): Promise<void> {
    const timer = request.timeoutNano > 0n ? deadline(call, request.timeoutNano) : undefined;
    try {
      if (!method?.handler) throw unimplemented(this.#missing(request));
      const metadata = new Map(request.metadata.map(({ key, value }) => [key.toLowerCase(), value]));
      await this.#answer(
        stream,
        method,
        request,
        call,
        contextOf(metadata, call.abort.signal, namespaceKeys),
      );
    } catch (error) {
      await this.#respond(stream, error);
    } finally {
      if (timer !== undefined) clearTimeout(timer);
      this.#calls.delete(stream);
    }
  }

  /** In the words of Go's servers. */
  #missing({ service, method }: Request): string {
    const known = [...this.#methods.keys()].some((name) => name.startsWith(`${service}/`));
    return known ? `method ${method}` : `service ${service}`;
  }

  async #answer(stream: number, method: Method, request: Request, call: ActiveCall, context: CallContext) {
    const { requestType, requestStream, responseType, responseStream } = method.definition;
    const input = requestStream ? decoded(call.input!, requestType) : requestType.decode(request.payload);
    if (!responseStream) {
      const payload = encode(responseType, await method.handler!(input, context));
      const response = encodeInPieces(Response, { status: undefined, payload });
      this.#calls.delete(stream);
      return await this.#writer.send(stream, FrameType.Response, 0, response);
    }
    for await (const message of method.handler!(input, context)) {
      context.signal.throwIfAborted();
      await this.#writer.send(stream, FrameType.Data, 0, encodeInPieces(responseType, message));
    }
    this.#calls.delete(stream);
    await this.#writer.send(stream, FrameType.Data, Flag.RemoteClosed | Flag.NoData);
  }

  async #respond(stream: number, error: unknown): Promise<void> {
    const response = Response.encode({ status: statusOf(error), payload: new Uint8Array(0) }).finish();
    // A client that is gone needs no answer.
    await this.#writer.send(stream, FrameType.Response, 0, response).catch(() => {});
  }
}

async function* decoded<T>(input: AsyncIterable<Uint8Array>, codec: { decode(bytes: Uint8Array): T }) {
  for await (const bytes of input) yield codec.decode(bytes);
}

function deadline(call: ActiveCall, timeoutNano: bigint): ReturnType<typeof setTimeout> {
  const expire = () => {
    call.abort.abort(new CtrError(Code.DeadlineExceeded, "context deadline exceeded"));
    call.input?.fail(call.abort.signal.reason);
  };
  return setTimeout(expire, Math.min(Number(timeoutNano / 1_000_000n), 2 ** 31 - 1));
}

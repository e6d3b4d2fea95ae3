/** A gRPC client over @grpc/grpc-js: the way to a foreign daemon, Go's containerd say. Loaded only when needed. */
import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import { Code, CtrError } from "../../errors.ts";
import { leaseHeader, namespaceHeader } from "../context.ts";
import { encode } from "../encode.ts";
import {
  type CallOptions,
  type Channel,
  complete,
  type MethodDefinition,
  type ServiceDefinition,
  type Stub,
  withDefaults,
} from "../service.ts";
import { errorOf } from "../status.ts";

const maxMessage = 16 << 20;

/** Connects to the unix socket at `path`. Throws Unavailable, naming the path, if nobody serves there. */
export async function connectGrpc(path: string): Promise<Channel> {
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": maxMessage,
    "grpc.max_send_message_length": maxMessage,
    // Go's servers refuse the socket's path as an authority.
    "grpc.default_authority": "localhost",
    // A socket that nobody serves is an answer, not something to wait for.
    "grpc.initial_reconnect_backoff_ms": 100,
  });
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    client.close();
    throw new CtrError(Code.Unavailable, `cannot connect to ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return new GrpcChannel(client);
}

class GrpcChannel implements Channel {
  readonly #client: grpc.Client;
  /** Calls under way, which grpc-js would let go on after the end of their client. */
  readonly #active = new Set<{ cancel(): void }>();
  #closed = false;

  constructor(client: grpc.Client) {
    this.#client = client;
  }

  isForeign(): Promise<boolean> {
    return Promise.resolve(true);
  }

  stub<D extends ServiceDefinition>(definition: D, defaults: CallOptions = {}): Stub<D> {
    const methods = Object.entries(definition.methods).map(([key, method]) => {
      const path = `/${definition.fullName}/${method.name}`;
      const call = (request: unknown, options: CallOptions = {}) =>
        this.#call(path, method, request, withDefaults(options, defaults));
      return [key, call];
    });
    return Object.fromEntries(methods) as Stub<D>;
  }

  #call(path: string, method: MethodDefinition, request: unknown, options: CallOptions): unknown {
    if (!method.requestStream && !method.responseStream) return this.#unary(path, method, request, options);
    const messages = this.#stream(path, method, request, options);
    return method.responseStream ? messages : first(messages, path);
  }

  #unary(path: string, method: MethodDefinition, request: unknown, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const call = this.#client.makeUnaryRequest(
        path,
        (message: unknown) => toBuffer(encode(method.requestType, message)),
        (bytes) => method.responseType.decode(bytes),
        complete(method.requestType, request as object),
        metadataOf(options),
        callOptions(options),
        (error, answer) => {
          this.#active.delete(call);
          options.signal?.removeEventListener("abort", onAbort);
          if (error) reject(this.#failure(error, options.signal));
          else resolve(answer);
        },
      );
      const onAbort = () => call.cancel();
      options.signal?.addEventListener("abort", onAbort);
      this.#active.add(call);
    });
  }

  async *#stream(path: string, method: MethodDefinition, request: unknown, options: CallOptions) {
    options.signal?.throwIfAborted();
    const call = this.#client.makeBidiStreamRequest(
      path,
      (message: unknown) => toBuffer(encode(method.requestType, message)),
      (bytes) => method.responseType.decode(bytes),
      metadataOf(options),
      callOptions(options),
    );
    const onAbort = () => call.cancel();
    options.signal?.addEventListener("abort", onAbort);
    this.#active.add(call);
    const feeding = feed(call, method, request);
    let feedError: unknown;
    feeding.catch((error) => {
      feedError = error;
      call.cancel();
    });
    try {
      for await (const message of call) yield message;
    } catch (error) {
      throw feedError ?? this.#failure(error, options.signal);
    } finally {
      this.#active.delete(call);
      options.signal?.removeEventListener("abort", onAbort);
      call.cancel();
    }
  }

  #failure(error: unknown, signal: AbortSignal | undefined): unknown {
    if (this.#closed) return new CtrError(Code.Unavailable, "the connection is closed");
    if (signal?.aborted) return signal.reason;
    const { code, details, message } = error as grpc.ServiceError;
    return typeof code === "number" ? errorOf({ code, message: details ?? message }) : error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const call of this.#active) call.cancel();
    this.#client.close();
    return Promise.resolve();
  }
}

async function feed(
  call: grpc.ClientDuplexStream<unknown, unknown>,
  method: MethodDefinition,
  request: unknown,
) {
  const messages = method.requestStream ? request as AsyncIterable<object> : [request as object];
  for await (const message of messages) {
    if (call.destroyed || call.writableEnded) return;
    const room = call.write(complete(method.requestType, message));
    if (!room) await drained(call);
  }
  call.end();
}

function drained(call: grpc.ClientDuplexStream<unknown, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close", "error", "end"]) call.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error", "end"]) call.once(event, done);
  });
}

function callOptions(options: CallOptions): grpc.CallOptions {
  return options.timeout ? { deadline: Date.now() + options.timeout } : {};
}

function metadataOf(options: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  if (options.namespace) metadata.set(namespaceHeader, options.namespace);
  if (options.lease) metadata.set(leaseHeader, options.lease);
  return metadata;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function first<T>(messages: AsyncIterable<T>, path: string): Promise<T> {
  for await (const message of messages) return message;
  throw new CtrError(Code.Unavailable, `${path}: no answer`);
}

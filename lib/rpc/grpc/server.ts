/** A gRPC server over @grpc/grpc-js: what containerd's clients speak. */
import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import { Code, CtrError, unimplemented } from "../../errors.ts";
import { contextOf } from "../context.ts";
import { encode } from "../encode.ts";
import { Queue } from "../queue.ts";
import { ended } from "../running.ts";
import type { CallContext, MethodDefinition, Service } from "../service.ts";
import { statusOf } from "../status.ts";

/** The longest message either way, as containerd has it. */
const maxMessage = 16 << 20;

/** A server that is running. */
export interface GrpcServer extends AsyncDisposable {
  /** Stops taking calls, cancels those under way, and waits (not for ever) for their end. */
  shutdown(): Promise<void>;
}

/** A unix socket to be made (which must not exist), or one that listens already, by its descriptor. */
export type GrpcSocket = { readonly path: string } | { readonly fd: number };

/** Serves `services` at a unix socket. */
export async function serveGrpc(socket: GrpcSocket, services: readonly Service[]): Promise<GrpcServer> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": maxMessage,
    "grpc.max_send_message_length": maxMessage,
    // Go's clients ping while a stream is idle; that is no abuse on a local socket.
    "grpc.keepalive_permit_without_calls": 1,
  });
  const running = new Set<Promise<void>>();
  for (const service of services) server.addService(definitionOf(service), handlersOf(service, running));
  await ("fd" in socket ? takeFrom(socket.fd, server) : bind(socket.path, server));
  const shutdown = () => {
    server.forceShutdown();
    return ended(running);
  };
  return { shutdown, [Symbol.asyncDispose]: shutdown };
}

function bind(path: string, server: grpc.Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(
      `unix:${path}`,
      grpc.ServerCredentials.createInsecure(),
      (error) => error ? reject(error) : resolve(),
    );
  });
}

async function takeFrom(fd: number, server: grpc.Server): Promise<void> {
  const { createServer } = await import("node:net");
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    createServer((connection) => injector.injectConnection(connection))
      .on("error", reject)
      .listen({ fd }, resolve);
  });
}

function definitionOf({ definition }: Service): grpc.ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition.methods).map(([key, method]) => [key, {
      path: `/${definition.fullName}/${method.name}`,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: (message: unknown) => toBuffer(encode(method.requestType, message)),
      requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
      responseSerialize: (message: unknown) => toBuffer(encode(method.responseType, message)),
      responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes),
    }]),
  );
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** What grpc-js calls; `running` has the calls under way. */
function handlersOf(service: Service, running: Set<Promise<void>>): grpc.UntypedServiceImplementation {
  const methods = Object.entries(service.definition.methods).map(([key, method]) => {
    const handle = handlerOf(service, key, method);
    const tracked = (call: AnyCall, callback: grpc.sendUnaryData<unknown>) => {
      const run = handle(call, callback).finally(() => running.delete(run));
      running.add(run);
    };
    return [key, tracked];
  });
  return Object.fromEntries(methods);
}

// deno-lint-ignore no-explicit-any
type Handler = (request: any, context: CallContext) => any;

// deno-lint-ignore no-explicit-any
type AnyCall = any;

type Handle = (call: AnyCall, callback: grpc.sendUnaryData<unknown>) => Promise<void>;

function handlerOf(service: Service, key: string, method: MethodDefinition): Handle {
  const missing: Handler = () => {
    throw unimplemented(`method ${method.name} of service ${service.definition.fullName}`);
  };
  const handler: Handler = service.impl[key]?.bind(service.impl) ?? missing;
  if (method.responseStream) {
    return (call) => stream(call, handler, method.requestStream ? messagesOf(call) : call.request);
  }
  return (call, callback) =>
    unary(call, callback, handler, method.requestStream ? messagesOf(call) : call.request);
}

async function unary(call: AnyCall, callback: grpc.sendUnaryData<unknown>, handler: Handler, input: unknown) {
  try {
    callback(null, await handler(input, contextFor(call)));
  } catch (error) {
    callback(failure(error));
  }
}

async function stream(call: AnyCall, handler: Handler, input: unknown): Promise<void> {
  const context = contextFor(call);
  // A client that is gone is no news here: the handler learns it from its stream or its signal.
  call.on("error", () => {});
  try {
    for await (const message of handler(input, context)) {
      context.signal.throwIfAborted();
      if (!call.write(message)) await drained(call, context.signal);
    }
    call.end();
  } catch (error) {
    if (!call.cancelled) call.emit("error", failure(error));
  }
}

/** A client's stream. Iterating the call itself would destroy it, and the answers with it, at the stream's end. */
function messagesOf(call: AnyCall): AsyncIterable<unknown> {
  const queue = new Queue<unknown>(16);
  call.on("data", (message: unknown) => {
    const room = queue.push(message);
    if (!room) return;
    call.pause();
    room.then(() => call.resume());
  });
  call.on("end", () => queue.close());
  call.on("cancelled", () => queue.fail(new CtrError(Code.Canceled, "the client cancelled the call")));
  call.on("error", (error: unknown) => queue.fail(error));
  return queue;
}

function drained(call: AnyCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    signal.addEventListener("abort", done);
  });
}

function contextFor(call: AnyCall): CallContext {
  const abort = new AbortController();
  const cancelled = () => abort.abort(new CtrError(Code.Canceled, "the client cancelled the call"));
  if (call.cancelled) cancelled();
  else call.on("cancelled", cancelled);
  const metadata = new Map<string, string>();
  for (const [key, value] of Object.entries(call.metadata.getMap())) {
    if (typeof value === "string") metadata.set(key, value);
  }
  return contextOf(metadata, abort.signal);
}

/** The text travels in a header, which is limited; its end says the error's class. */
const longestText = 6000;

function failure(error: unknown): Partial<grpc.StatusObject> {
  const { code, message } = statusOf(error);
  const fits = message.length <= longestText;
  const text = fits ? message : `${message.slice(0, longestText - 1000)} ... ${message.slice(-900)}`;
  return { code, details: text.toWellFormed(), metadata: new grpc.Metadata() };
}

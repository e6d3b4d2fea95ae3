/** A channel to services in the same process: a library that embeds the daemon calls it without a socket. */
import { Code, CtrError, unavailable, unimplemented } from "../errors.ts";
import { contextOf, leaseHeader, namespaceHeader } from "./context.ts";
import {
  type CallOptions,
  type Channel,
  complete,
  type MethodDefinition,
  type Service,
  type ServiceDefinition,
  type Stub,
  withDefaults,
} from "./service.ts";

/** A channel to `services`. Closing it ends its calls; the services belong to who made them. */
export function localChannel(services: readonly Service[]): Channel {
  const closed = new AbortController();
  const byName = new Map(services.map((service) => [service.definition.fullName, service]));
  return {
    stub<D extends ServiceDefinition>(definition: D, defaults: CallOptions = {}): Stub<D> {
      const methods = Object.entries(definition.methods).map(([key, method]) => {
        const call = (request: unknown, options: CallOptions = {}) =>
          invoke(
            byName.get(definition.fullName),
            key,
            method,
            request,
            withDefaults(options, defaults),
            closed.signal,
          );
        return [key, call];
      });
      return Object.fromEntries(methods) as Stub<D>;
    },
    [Symbol.asyncDispose]: () => {
      closed.abort(unavailable("the connection is closed"));
      return Promise.resolve();
    },
  };
}

function invoke(
  service: Service | undefined,
  key: string,
  method: MethodDefinition,
  request: unknown,
  options: CallOptions,
  closed: AbortSignal,
): unknown {
  const handler = service?.impl[key];
  const input = method.requestStream
    ? completed(method, request as AsyncIterable<object>)
    : complete(method.requestType, request as object);
  const cancel = new AbortController();
  const context = contextOf(metadataOf(options), signalOf(options, [cancel.signal, closed]));
  if (!handler) {
    const error = unimplemented(`method ${method.name}`);
    return method.responseStream ? failing(error) : Promise.reject(error);
  }
  if (!method.responseStream) return unary(() => handler.call(service.impl, input, context), context.signal);
  return streamed(handler.call(service.impl, input, context), context.signal, cancel);
}

/** Like a call over a socket: it fails at once when its signal aborts, whatever the handler does. */
async function unary<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([call(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function* streamed<T>(
  answers: AsyncIterable<T>,
  signal: AbortSignal,
  cancel: AbortController,
): AsyncGenerator<T> {
  try {
    yield* answers;
    // A handler may end quietly when its call is aborted; to the caller that is no end, as over a socket.
    signal.throwIfAborted();
  } finally {
    cancel.abort(new CtrError(Code.Canceled, "the client cancelled the call"));
  }
}

async function* completed(method: MethodDefinition, requests: AsyncIterable<object>) {
  for await (const request of requests) yield complete(method.requestType, request);
}

// deno-lint-ignore require-yield
async function* failing(error: unknown): AsyncGenerator<never> {
  throw error;
}

function signalOf(options: CallOptions, signals: AbortSignal[]): AbortSignal {
  if (options.signal) signals.push(options.signal);
  if (options.timeout) signals.push(AbortSignal.timeout(options.timeout));
  return AbortSignal.any(signals);
}

function metadataOf(options: CallOptions): Map<string, string> {
  const metadata = new Map<string, string>();
  if (options.namespace) metadata.set(namespaceHeader, options.namespace);
  if (options.lease) metadata.set(leaseHeader, options.lease);
  return metadata;
}

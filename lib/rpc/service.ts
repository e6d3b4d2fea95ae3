/**
 * How a service is written: once, as an object of plain async functions and async generators over the
 * generated messages. Each transport (grpc, ttrpc, local) serves the same object, and gives a client the
 * same shape back.
 *
 * @example
 * ```ts
 * const version: ServiceImpl<typeof VersionDefinition> = {
 *   version: () => Promise.resolve({ version: "0.1.0", revision: "" }),
 * };
 * ```
 */
import type { BinaryWriter } from "@bufbuild/protobuf/wire";

/** What the generated code offers for each message; see encode.ts for who gives it a writer. */
export interface Codec<T> {
  encode(message: T, writer?: BinaryWriter): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** One method, as the generated definitions have it. */
export interface MethodDefinition {
  readonly name: string;
  // deno-lint-ignore no-explicit-any
  readonly requestType: Codec<any>;
  readonly requestStream: boolean;
  // deno-lint-ignore no-explicit-any
  readonly responseType: Codec<any>;
  readonly responseStream: boolean;
}

/** One service, as the generated definitions have it. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

/** What a handler learns of its call beside the request. */
export interface CallContext {
  /** The caller's namespace; empty when it named none. See {@linkcode requireNamespace}. */
  readonly namespace: string;
  /** The caller's lease; empty when it named none. */
  readonly lease: string;
  /** Aborted when the caller cancels, vanishes, or its deadline passes. */
  readonly signal: AbortSignal;
  /** All request metadata, keys in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
}

type Request<M> = M extends { requestType: Codec<infer T> } ? T : never;
type Response<M> = M extends { responseType: Codec<infer T> } ? T : never;
type In<M> = M extends { requestStream: true } ? AsyncIterable<Request<M>> : Request<M>;
type Out<M> = M extends { responseStream: true } ? AsyncIterable<Response<M>> : Promise<Response<M>>;

/** A service's code. A method left out answers Unimplemented. */
export type ServiceImpl<D extends ServiceDefinition> = {
  readonly [K in keyof D["methods"]]?: (
    request: In<D["methods"][K]>,
    context: CallContext,
  ) => Out<D["methods"][K]>;
};

/** What a caller may say of one call. */
export interface CallOptions {
  readonly namespace?: string;
  readonly lease?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds from now; sent along, so that the server stops too. */
  readonly timeout?: number;
  /** The answer is a stream, but a short one that is read at once: it may share a connection with other calls. */
  readonly brief?: boolean;
}

type Ask<M> = M extends { requestStream: true } ? AsyncIterable<Partial<Request<M>>> : Partial<Request<M>>;

/** A service as its client sees it. Fields left out of a request have their default value. */
export type Stub<D extends ServiceDefinition> = {
  readonly [K in keyof D["methods"]]: (
    request: Ask<D["methods"][K]>,
    options?: CallOptions,
  ) => Out<D["methods"][K]>;
};

/** A way to a server: gRPC, ttrpc, or a function call away. */
export interface Channel extends AsyncDisposable {
  /** The service's methods; options given here hold for all calls. */
  stub<D extends ServiceDefinition>(definition: D, defaults?: CallOptions): Stub<D>;
  /** Whether a daemon may be there that isn't ours; it isn't if there is nobody to ask. */
  isForeign?(): Promise<boolean>;
}

/** A service ready to be served. */
export interface Service {
  readonly definition: ServiceDefinition;
  // deno-lint-ignore no-explicit-any
  readonly impl: Readonly<Record<string, ((request: any, context: CallContext) => any) | undefined>>;
}

/** Ties a definition to its code. */
export function service<D extends ServiceDefinition>(definition: D, impl: ServiceImpl<D>): Service {
  return { definition, impl: impl as Service["impl"] };
}

/** A whole message from a part of one: the rest has default values. */
export function complete<T>(codec: Codec<T>, part: Partial<T>): T {
  return { ...codec.decode(new Uint8Array()), ...part };
}

/** A call's options, and where it says nothing those of its stub. */
export function withDefaults(options: CallOptions = {}, defaults: CallOptions = {}): CallOptions {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) };
}

/**
 * How a client reaches a daemon: ttrpc, which is light, to ours; gRPC, which takes time to load, to a foreign one.
 */
import { VersionDefinition } from "../api/services/version/v1/version.ts";
import { Code, isError, unavailable } from "../errors.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import type { CallOptions, Channel, MethodDefinition, ServiceDefinition, Stub } from "../rpc/service.ts";

/** Where our daemon listens unless told otherwise. */
export const defaultAddress = "/run/longshore/longshore.sock";

/**
 * Connects to the daemon whose gRPC socket is at `address`. Throws Unavailable if nobody answers there.
 * With a `signal`, to which one might lose patience, the daemon has to answer before this returns.
 */
export async function dial(address: string, signal?: AbortSignal): Promise<Channel> {
  const light = await connectTtrpc(`${address}.ttrpc`).catch(() => undefined);
  if (!light) return await heavy(address);
  const channel = new FoundOutChannel(light, address);
  if (signal) await channel.settle(signal);
  return channel;
}

async function heavy(address: string): Promise<Channel> {
  const there = await Deno.lstat(address).then(() => true, () => false);
  if (!there) throw unavailable(`no socket at ${address}`);
  const { connectGrpc } = await import("../rpc/grpc/client.ts");
  return await connectGrpc(address);
}

/**
 * A channel to a daemon that may be a foreign one: Go's containerd serves little over ttrpc. Ours needs not be
 * asked who it is, which would cost each command a round trip: a call that isn't served there tells, and since
 * nothing was done for it another may be asked.
 */
class FoundOutChannel implements Channel {
  readonly #light: Channel;
  readonly #address: string;
  #settled: Promise<Channel> | undefined;
  #answered = false;

  constructor(light: Channel, address: string) {
    this.#light = light;
    this.#address = address;
  }

  /** The channel that serves everything, which is found out once. */
  settle(signal?: AbortSignal): Promise<Channel> {
    return this.#settled ??= this.#choose(signal);
  }

  async isForeign(): Promise<boolean> {
    return await this.settle() !== this.#light;
  }

  /** The light one stays: other calls may be on their way there, to be refused and asked again over the chosen one. */
  async #choose(signal?: AbortSignal): Promise<Channel> {
    return await servesAll(this.#light, signal) ? this.#light : await heavy(this.#address);
  }

  stub<D extends ServiceDefinition>(definition: D, defaults?: CallOptions): Stub<D> {
    const of = (channel: Channel, key: string) =>
      (channel.stub(definition, defaults) as Record<string, Call>)[key]!;
    const light = this.#light.stub(definition, defaults) as Record<string, Call>;
    const methods = Object.entries(definition.methods).map(([key, method]) => {
      const settled = async () => of(await this.settle(), key);
      if (method.responseStream) return [key, this.#stream(method, light[key]!, settled)];
      return [key, this.#unary(method, light[key]!, settled)];
    });
    return Object.fromEntries(methods) as Stub<D>;
  }

  #unary({ requestStream }: MethodDefinition, light: Call, settled: () => Promise<Call>): Call {
    return async (request, options) => {
      // What a client has sent of a stream can't be sent again.
      if (this.#settled || requestStream) return await (await settled())(request, options);
      try {
        const answer = await light(request, options);
        this.#answered = true;
        return answer;
      } catch (error) {
        await this.#unlessForeign(error);
        return await (await settled())(request, options);
      }
    };
  }

  #stream({ requestStream }: MethodDefinition, light: Call, settled: () => Promise<Call>): Call {
    const stream = async function* (this: FoundOutChannel, request: unknown, options?: CallOptions) {
      if (!this.#settled && (this.#answered || options?.brief) && !requestStream) {
        try {
          yield* light(request, options) as AsyncIterable<unknown>;
          return;
        } catch (error) {
          await this.#unlessForeign(error);
        }
      }
      yield* (await settled())(request, options) as AsyncIterable<unknown>;
    };
    return stream.bind(this);
  }

  /** Throws a call's error, unless it is that another channel serves the call. */
  async #unlessForeign(error: unknown): Promise<void> {
    if (!isError(error, Code.Unimplemented) || await this.settle() === this.#light) throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const settled = await this.#settled?.catch(() => undefined);
    if (settled !== this.#light) await settled?.[Symbol.asyncDispose]();
    await this.#light[Symbol.asyncDispose]();
  }
}

type Call = (request: unknown, options?: CallOptions) => unknown;

async function servesAll(channel: Channel, signal?: AbortSignal): Promise<boolean> {
  try {
    await channel.stub(VersionDefinition).version({}, { signal });
    return true;
  } catch (error) {
    if (isError(error, Code.Unimplemented) || isError(error, Code.Unavailable)) return false;
    throw error;
  }
}

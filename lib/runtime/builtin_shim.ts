/** Our own shim: one process for all tasks, found by its socket, started when it isn't there. */
import { type ExecProcessRequest, TaskDefinition } from "../api/runtime/task/v3/shim.ts";
import { type ExecResponse, ShimDefinition } from "../api/shim/v1/shim.ts";
import { Code, isError } from "../errors.ts";
import type { CallOptions, Channel } from "../rpc/service.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import type { SelfCommand } from "../sys/mod.ts";
import { shimSocket, spawnShim } from "../shim/mod.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

export interface BuiltinShimOptions {
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's ttrpc socket, to which the shim sends events. */
  readonly address: string;
  /** The command line that runs `ctr` with some arguments. */
  readonly command: (args: readonly string[]) => SelfCommand;
  /** The cgroup for the shim; that of the daemon unless said. */
  readonly cgroup?: string;
  /** The only bundle that it is for; all below the state directory unless said. */
  readonly bundle?: string;
  /** Called when the shim has died; the next call starts another. */
  readonly onLost?: () => void;
}

const RETRIES = 20;
const RETRY_DELAY = 50;

export class BuiltinShim implements ShimKind {
  readonly #options: BuiltinShimOptions;
  #channel?: Promise<Channel>;
  #sentinel?: Deno.Conn;

  constructor(options: BuiltinShimOptions) {
    this.#options = options;
  }

  /** Connects to the shim, starting it if needed. */
  async ready(): Promise<void> {
    await this.#connected();
  }

  async call<R>(
    { namespace }: TaskPlace,
    request: (stub: TaskStub) => Promise<R>,
    options: { repeat?: boolean } = {},
  ): Promise<R> {
    for (let attempt = 0;; attempt++) {
      const connected = this.#connected();
      const channel = await connected;
      try {
        return await request(channel.stub(TaskDefinition, { namespace }));
      } catch (error) {
        if (!isError(error, Code.Unavailable)) throw error;
        this.#drop(connected);
        if (!options.repeat || attempt === RETRIES) throw error;
        // A shim that is being killed still takes connections for a moment.
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
      }
    }
  }

  async *exec(
    { namespace }: TaskPlace,
    request: ExecProcessRequest,
    options: CallOptions,
  ): AsyncGenerator<ExecResponse> {
    const connected = this.#connected();
    const stub = (await connected).stub(ShimDefinition, { namespace });
    try {
      yield* stub.exec(request, { ...options, brief: true });
    } catch (error) {
      if (isError(error, Code.Unavailable)) this.#drop(connected);
      throw error;
    }
  }

  /** Ends the shim, if it was used and has no tasks. */
  async end(): Promise<void> {
    const channel = await this.#channel?.catch(() => undefined);
    this.#sentinel?.close();
    this.#sentinel = undefined;
    // It may be gone already, which is what was wanted.
    await channel?.stub(TaskDefinition, { namespace: "default" }).shutdown({ id: "", now: false }).catch(
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const channel = await this.#channel?.catch(() => undefined);
    this.#channel = undefined;
    this.#sentinel?.close();
    this.#sentinel = undefined;
    await channel?.[Symbol.asyncDispose]();
  }

  #connected(): Promise<Channel> {
    if (this.#channel) return this.#channel;
    const channel = this.#connect();
    this.#channel = channel;
    channel.catch(() => this.#drop(channel));
    return channel;
  }

  #drop(dead: Promise<Channel>): void {
    if (this.#channel !== dead) return;
    this.#channel = undefined;
    dead.then((channel) => channel[Symbol.asyncDispose]()).catch(() => {});
  }

  async #connect(): Promise<Channel> {
    const path = shimSocket(this.#options.state);
    let channel: Channel;
    try {
      channel = await connectTtrpc(path);
    } catch {
      await spawnShim(this.#options);
      channel = await connectTtrpc(path);
    }
    this.#watch(await Deno.connect({ transport: "unix", path }));
    return channel;
  }

  /** Notices the shim's death by a connection on which nothing is ever said. */
  #watch(sentinel: Deno.Conn): void {
    this.#sentinel = sentinel;
    const watched = this.#channel;
    sentinel.read(new Uint8Array(1)).catch(() => null).then(() => {
      if (this.#sentinel !== sentinel) return;
      this.#sentinel = undefined;
      sentinel.close();
      if (watched) this.#drop(watched);
      this.#options.onLost?.();
    });
  }
}

/** Shims of other programs: one for a task, or one for several, as the program likes. */
import { TaskDefinition as TaskV2 } from "../api/runtime/task/v2/shim.ts";
import { type DeleteResponse, TaskDefinition as TaskV3 } from "../api/runtime/task/v3/shim.ts";
import type { Any } from "../api/google/protobuf/any.ts";
import { messageOf, notFound, unavailable } from "../errors.ts";
import type { Channel } from "../rpc/service.ts";
import { now } from "../rpc/timestamp.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import { followLog } from "./shim_log.ts";
import {
  type Bootstrap,
  cleanUpAfterShim,
  type DaemonAddress,
  parseAnswer,
  readBootstrap,
  startShim,
  writeBootstrap,
} from "./bootstrap.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

/** How a task ended whose shim died: nobody can know its code, if the shim's executable doesn't. */
export type LostTask = Pick<DeleteResponse, "pid" | "exitStatus" | "exitedAt">;

export interface ExternalShimsOptions {
  readonly daemon: DaemonAddress;
  /** Called when the shim of a task has died, after its executable has cleaned up. */
  readonly onLost: (task: TaskPlace, end: LostTask) => Promise<void>;
}

interface Running {
  readonly channel: Channel;
  readonly bootstrap: Bootstrap;
  /** A connection on which nothing is ever said: its end is the shim's. */
  sentinel: Deno.Conn;
}

const UNKNOWN = 255;
const RETRY_DELAY = 20;

export class ExternalShims implements ShimKind {
  readonly #options: ExternalShimsOptions;
  /** By bundle. */
  readonly #running = new Map<string, Running>();
  /** What their shims tell, by bundle. */
  readonly #logs = new Map<string, Disposable>();
  /** What is being cleaned up, by bundle. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(options: ExternalShimsOptions) {
    this.#options = options;
  }

  async start(task: TaskPlace, runtime: { binary: string; options: Any | undefined }): Promise<void> {
    await this.#follow(task);
    const bootstrap = await startShim(task, runtime, this.#options.daemon).catch((error) => {
      this.#unfollow(task);
      throw error;
    });
    try {
      await this.#connect(task, bootstrap);
    } catch (error) {
      await this.#cleanUp(task, bootstrap);
      this.#unfollow(task);
      throw unavailable(`the shim that ${runtime.binary} has started: ${messageOf(error)}`);
    }
  }

  /** Goes to one that somebody else has started (`task_api_address`), and will end. */
  async join(task: TaskPlace, address: string, version: number): Promise<void> {
    const said = parseAnswer(JSON.stringify({ version: version || 2, address }), "task_api_address");
    const bootstrap = { ...said, binary: "" };
    await this.#connect(task, bootstrap);
    await writeBootstrap(task, bootstrap);
  }

  /**
   * Finds the shim of an earlier daemon's task again; false if it is dead, then what it left has been removed.
   */
  async resume(task: TaskPlace): Promise<boolean> {
    const bootstrap = await readBootstrap(task.bundle);
    if (!bootstrap) return false;
    try {
      if (bootstrap.binary) await this.#follow(task);
      await this.#connect(task, bootstrap);
      return true;
    } catch {
      this.#unfollow(task);
      await this.#options.onLost(task, await this.#cleanUp(task, bootstrap));
      return false;
    }
  }

  async call<R>(task: TaskPlace, request: (stub: TaskStub) => Promise<R>): Promise<R> {
    await this.#ending.get(task.bundle);
    const running = this.#running.get(task.bundle);
    if (!running) throw notFound(`the shim of task ${task.id} is gone`);
    // The messages of both versions are the same.
    const service = running.bootstrap.version < 3 ? TaskV2 as unknown as typeof TaskV3 : TaskV3;
    return await request(running.channel.stub(service, { namespace: task.namespace }));
  }

  /** Tells the shim that it isn't needed for this task any more. */
  async end(task: TaskPlace): Promise<void> {
    const running = this.#running.get(task.bundle);
    if (!running) return;
    // Its answer may be its end.
    if (running.bootstrap.binary) {
      await this.call(task, (stub) => stub.shutdown({ id: task.id, now: false }, { timeout: 3000 })).catch(
        () => {},
      );
    }
    await this.#release(task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const log of this.#logs.values()) log[Symbol.dispose]();
    await Promise.all(all.map(close));
  }

  async #connect(task: TaskPlace, bootstrap: Bootstrap): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const channel = stack.use(await channelTo(bootstrap));
    const sentinel = await Deno.connect({ transport: "unix", path: bootstrap.socket });
    stack.move();
    const running = { channel, bootstrap, sentinel };
    this.#running.set(task.bundle, running);
    void this.#watch(task, running);
  }

  /** A server may hang up on a client that says nothing: a shim is dead when nobody can connect any more. */
  async #watch(task: TaskPlace, running: Running): Promise<void> {
    const current = () => this.#running.get(task.bundle) === running;
    for (;;) {
      await running.sentinel.read(new Uint8Array(1)).catch(() => null);
      if (!current()) return;
      running.sentinel.close();
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
      const again = await Deno.connect({ transport: "unix", path: running.bootstrap.socket }).catch(() =>
        null
      );
      if (!current()) return again?.close();
      if (!again) return this.#end(task, running.bootstrap);
      running.sentinel = again;
    }
  }

  async #follow(task: TaskPlace): Promise<void> {
    const tell = (line: string) => console.error(`shim of ${task.namespace}/${task.id}: ${line}`);
    this.#logs.set(task.bundle, await followLog(task.bundle, tell));
  }

  #unfollow(task: TaskPlace): void {
    this.#logs.get(task.bundle)?.[Symbol.dispose]();
    this.#logs.delete(task.bundle);
  }

  /** Nobody is told of a task whose end is under way that it has ended, until it has. */
  #end(task: TaskPlace, bootstrap: Bootstrap): void {
    const ending = this.#release(task)
      .then(() => this.#cleanUp(task, bootstrap))
      .then((end) => this.#options.onLost(task, end))
      .catch((error) => console.error(`the shim of task ${task.id} has died: ${messageOf(error)}`))
      .finally(() => this.#ending.delete(task.bundle));
    this.#ending.set(task.bundle, ending);
  }

  async #release(task: TaskPlace): Promise<void> {
    const running = this.#running.get(task.bundle);
    this.#running.delete(task.bundle);
    this.#unfollow(task);
    if (running) await close(running);
  }

  /** A task that can't be cleaned up is one whose end is not known; what failed is told. */
  async #cleanUp(task: TaskPlace, { binary }: Bootstrap): Promise<LostTask> {
    if (!binary) return { pid: 0, exitStatus: UNKNOWN, exitedAt: now() };
    try {
      return await cleanUpAfterShim(task, binary, this.#options.daemon);
    } catch (error) {
      console.error(`task ${task.id}: ${messageOf(error)}`);
      return { pid: 0, exitStatus: UNKNOWN, exitedAt: now() };
    }
  }
}

/** gRPC is loaded with the first shim that speaks it. */
async function channelTo({ socket, protocol }: Bootstrap): Promise<Channel> {
  if (protocol !== "grpc") return await connectTtrpc(socket);
  const { connectGrpc } = await import("../rpc/grpc/client.ts");
  return await connectGrpc(socket);
}

async function close({ channel, sentinel }: Running): Promise<void> {
  try {
    sentinel.close();
  } catch {
    // Closed already: its shim is dead.
  }
  await channel[Symbol.asyncDispose]();
}

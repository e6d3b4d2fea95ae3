/**
 * Serves gRPC through a gateway: see lib/rpc/gateway.ts for why it is a process of its own.
 *
 * The socket is the daemon's. A gateway is started when the first client connects, and takes it and all later
 * ones; clients that connect while there is none, or none any more, wait in the socket's queue. So who never
 * speaks gRPC (our own `ctr` doesn't) has no gateway in memory.
 */
import type { ChildProcess } from "node:child_process";
import { messageOf } from "../errors.ts";
import { gatewayLimit } from "../rpc/gateway_terms.ts";
import type { Service } from "../rpc/service.ts";
import { placeSocket, removeSocket } from "../rpc/socket.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import { Epoll, listenAt, Ready, selfCommand } from "../sys/mod.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/** Pause after a gateway that ended badly, in milliseconds: one that can't start must not start all the time. */
const pause = 500;

/** Serves gRPC at the configured address, through gateways that come when they are needed. */
export async function keepGateway(
  config: Config,
  services: readonly Service[],
  log: Log,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const socket = `${config.state}/gateway.ttrpc`;
  await placeSocket(socket, { uid: 0, gid: 0 }, (path) => {
    const listener = Deno.listen({ transport: "unix", path });
    stack.use(serveTtrpc(listener, services, { limit: gatewayLimit }));
    return Promise.resolve();
  });
  stack.defer(() => removeSocket(socket));
  await placeSocket(config.address, config, (path) => {
    stack.use(new Keeper(listenAt(path), socket, log));
    return Promise.resolve();
  });
  stack.defer(() => removeSocket(config.address));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

class Keeper implements AsyncDisposable {
  readonly #epoll = new Epoll();
  readonly #listener: number;
  readonly #socket: string;
  readonly #log: Log;
  #ending = false;
  #gateway: ChildProcess | undefined;
  #gone = Promise.resolve();

  constructor(listener: number, socket: string, log: Log) {
    this.#listener = listener;
    this.#socket = socket;
    this.#log = log;
    this.#await();
  }

  /** For the next client that nobody takes. */
  #await(): void {
    this.#epoll.arm(this.#listener, Ready.READ, () => this.#gone = this.#serve());
  }

  /** From a gateway's start to its end. */
  async #serve(): Promise<void> {
    try {
      const how = await this.#run();
      if (this.#ending) return;
      this.#log("warn", "the gRPC gateway ended; the next client gets another", { how });
    } catch (error) {
      this.#log("error", "no gRPC gateway", { error: messageOf(error) });
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (!this.#ending) this.#await();
  }

  async #run(): Promise<string> {
    const { spawn } = await import("node:child_process");
    if (this.#ending) return "it was not needed";
    const { command, args } = selfCommand(["grpc-gateway", this.#socket]);
    return await new Promise((resolve, reject) => {
      // The listener is its descriptor 3. Its standard input's end is its end.
      const child = spawn(command, args, { cwd: "/", stdio: ["pipe", "ignore", "inherit", this.#listener] });
      this.#gateway = child;
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    this.#gateway?.stdin?.end();
    await this.#gone;
    this.#epoll.close(this.#listener);
  }
}

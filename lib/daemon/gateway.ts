/** Keeps a gRPC gateway running: see lib/rpc/gateway.ts for why it is a process of its own. */
import { messageOf, unavailable } from "../errors.ts";
import { gatewayLimit, gatewayReady } from "../rpc/gateway_terms.ts";
import type { Service } from "../rpc/service.ts";
import { placeSocket, removeSocket } from "../rpc/socket.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import { selfCommand } from "../sys/mod.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/** Pause before a gateway that could not be started is tried again, in milliseconds. */
const pause = 500;

/** Serves gRPC at the configured address through a gateway, which is replaced whenever it ends. */
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
  const keeper = new Keeper(config, socket, log);
  await keeper.start();
  stack.defer(() => removeSocket(config.address));
  stack.use(keeper);
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

class Keeper implements AsyncDisposable {
  readonly #config: Config;
  readonly #socket: string;
  readonly #log: Log;
  #child: Deno.ChildProcess | undefined;
  #ending = false;

  constructor(config: Config, socket: string, log: Log) {
    this.#config = config;
    this.#socket = socket;
    this.#log = log;
  }

  /** Starts a gateway and waits until it serves. Throws Unavailable if it ends before. */
  async start(): Promise<void> {
    const { address, uid, gid } = this.#config;
    const { command, args } = selfCommand(["grpc-gateway", this.#socket, address, String(uid), String(gid)]);
    const child = new Deno.Command(command, {
      args,
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    })
      .spawn();
    this.#child = child;
    const { value } = await child.stdout.getReader().read();
    if (!new TextDecoder().decode(value).startsWith(gatewayReady)) {
      throw unavailable(`the gRPC gateway did not start (exit code ${(await child.status).code})`);
    }
    child.status.then(({ code, signal }) => this.#replace(signal ?? `exit code ${code}`));
  }

  async #replace(how: string): Promise<void> {
    if (this.#ending) return;
    this.#log("warn", "the gRPC gateway ended and is replaced; clients connect again", { how });
    try {
      await this.start();
    } catch (error) {
      this.#log("error", "no gRPC gateway", { error: messageOf(error) });
      await new Promise((resolve) => setTimeout(resolve, pause));
      await this.#replace("it did not start");
    }
  }

  /** Its standard input's end is its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    await this.#child?.stdin.close().catch(() => {});
    await this.#child?.status;
  }
}

/** Where the shim listens: on one socket for its daemon, on one for each namespace where calls don't name it. */
import { ShimDefinition } from "../api/shim/v1/shim.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import { shimSocket } from "./arguments.ts";
import { runExec } from "./run_exec.ts";
import { taskServices } from "./service.ts";
import type { Shim } from "./shim.ts";

export class Sockets {
  readonly #shim: Shim;
  /** By namespace; empty for all. */
  readonly #paths = new Map<string, Promise<string>>();

  constructor(shim: Shim) {
    this.#shim = shim;
  }

  /** Listens for the daemon. */
  async open(): Promise<void> {
    await this.#listen("", shimSocket(this.#shim.state), [
      ...taskServices(this.#shim),
      service(ShimDefinition, {
        serve: async (request) => ({ socket: await this.serve(request.namespace) }),
        exec: (request, context) => {
          const { namespace } = requireNamespace(context);
          return runExec(
            this.#shim,
            this.#shim.containers.get(namespace, request.id),
            request,
            context.signal,
          );
        },
      }),
    ]);
  }

  /** Listens for calls that are all for one namespace; gives the path. Throws InvalidArgument. */
  async serve(namespace: string): Promise<string> {
    requireNamespace({ namespace, lease: "" });
    // Who asks is about to bring a container.
    await this.#shim.quit();
    const path = `${this.#shim.state}/shim/ns.${namespace}.sock`;
    const known = this.#paths.get(namespace);
    return await (known ?? this.#listen(namespace, path, taskServices(this.#shim, namespace)));
  }

  /** So that nobody finds it any more. */
  async remove(): Promise<void> {
    for (const path of this.#paths.values()) await Deno.remove(await path).catch(() => {});
  }

  #listen(namespace: string, path: string, services: readonly Service[]): Promise<string> {
    const listening = listen(path, services).then(() => path);
    this.#paths.set(namespace, listening);
    listening.catch(() => this.#paths.delete(namespace));
    return listening;
  }
}

/** Root alone may reach it: by its directory from the first moment, by its own mode from then on. */
async function listen(path: string, services: readonly Service[]): Promise<void> {
  const dir = path.slice(0, path.lastIndexOf("/"));
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  await Deno.chmod(dir, 0o700);
  await Deno.remove(path).catch(() => {});
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.chmod(path, 0o600);
  serveTtrpc(listener, services);
}

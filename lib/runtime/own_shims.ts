/**
 * Shims of our own program that serve one container each, because its options ask for that (`shim_cgroup`: the
 * cgroup in which its shim is to be, and be counted).
 */
import { createHash } from "node:crypto";
import type { ExecProcessRequest } from "../api/runtime/task/v3/shim.ts";
import type { ExecResponse } from "../api/shim/v1/shim.ts";
import { notFound } from "../errors.ts";
import type { CallOptions } from "../rpc/service.ts";
import { OWN_SHIM } from "../shim/mod.ts";
import { BuiltinShim, type BuiltinShimOptions } from "./builtin_shim.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

export interface OwnShimsOptions extends Pick<BuiltinShimOptions, "state" | "address" | "command"> {
  /** Called when the shim of a task has died; the next call starts another. */
  readonly onLost: (task: TaskPlace) => void;
}

/** What is kept in a bundle. */
interface OwnShim {
  /** The state directory of the shim. */
  readonly state: string;
  readonly cgroup: string;
}

export class OwnShims implements ShimKind {
  readonly #options: OwnShimsOptions;
  /** By bundle. */
  readonly #shims = new Map<string, { shim: BuiltinShim; state: string }>();

  constructor(options: OwnShimsOptions) {
    this.#options = options;
  }

  /** Starts one in a cgroup, for a task whose bundle is there. Throws Unavailable with the reason. */
  async start(task: TaskPlace, cgroup: string): Promise<void> {
    const own = { state: this.#stateOf(task), cgroup };
    await remove(own.state);
    await Deno.mkdir(own.state, { recursive: true, mode: 0o700 });
    // Before the shim, so that no other takes the container for its own.
    await Deno.writeTextFile(`${task.bundle}/${OWN_SHIM}`, JSON.stringify(own), { mode: 0o600 });
    const shim = this.#add(task, own);
    try {
      await shim.ready();
    } catch (error) {
      this.#shims.delete(task.bundle);
      await remove(own.state);
      throw error;
    }
  }

  /** Finds the shim of an earlier daemon's task again; false if it has none of its own. */
  async resume(task: TaskPlace): Promise<boolean> {
    try {
      this.#add(task, JSON.parse(await Deno.readTextFile(`${task.bundle}/${OWN_SHIM}`)));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  async call<R>(
    task: TaskPlace,
    request: (stub: TaskStub) => Promise<R>,
    options?: { repeat?: boolean },
  ): Promise<R> {
    return await this.#of(task).call(task, request, options);
  }

  exec(task: TaskPlace, request: ExecProcessRequest, options: CallOptions): AsyncIterable<ExecResponse> {
    return this.#of(task).exec(task, request, options);
  }

  /** Ends the shim of a task, if it has one of its own, and removes what was its. */
  async end(task: TaskPlace): Promise<void> {
    const own = this.#shims.get(task.bundle);
    if (!own) return;
    this.#shims.delete(task.bundle);
    await own.shim.end();
    await own.shim[Symbol.asyncDispose]();
    await remove(own.state);
  }

  /** Lets go of the shims, which go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#shims.values()];
    this.#shims.clear();
    await Promise.all(all.map(({ shim }) => shim[Symbol.asyncDispose]()));
  }

  #of(task: TaskPlace): BuiltinShim {
    const own = this.#shims.get(task.bundle);
    if (!own) throw notFound(`the shim of task ${task.id} is gone`);
    return own.shim;
  }

  #add(task: TaskPlace, { state, cgroup }: OwnShim): BuiltinShim {
    const { address, command, onLost } = this.#options;
    const { bundle } = task;
    const shim = new BuiltinShim({ state, address, command, cgroup, bundle, onLost: () => onLost(task) });
    this.#shims.set(bundle, { shim, state });
    return shim;
  }

  /** Short, since a socket's path has at most 107 bytes. */
  #stateOf({ namespace, id }: TaskPlace): string {
    const name = createHash("sha256").update(`${namespace}/${id}`).digest("hex").slice(0, 12);
    return `${this.#options.state}/shims/${name}`;
  }
}

async function remove(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Which shim serves a task: the one of all, one of its own, or one of another program. */
import type { Any } from "../api/google/protobuf/any.ts";
import { type SelfCommand, selfCommand } from "../sys/mod.ts";
import { readBootstrap } from "./bootstrap.ts";
import { BuiltinShim } from "./builtin_shim.ts";
import { ExternalShims, type ExternalShimsOptions } from "./external_shims.ts";
import { shimWish } from "./options.ts";
import { OwnShims } from "./own_shims.ts";
import { shimBinary } from "./runtime_name.ts";
import type { ShimKind, TaskPlace } from "./shim.ts";

export interface ShimsOptions {
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's ttrpc socket, to which shims send their events. */
  readonly address: string;
  /** The command line that runs `ctr` with some arguments; this program unless said. */
  readonly command?: (args: readonly string[]) => SelfCommand;
  /** Called when a shim of this program has died: of `task`, or of all that it serves. The next call starts another. */
  readonly onLost: (kind: ShimKind, task?: TaskPlace) => void;
  /** Called when the shim of another program has died, and its task with it. */
  readonly onEnded: ExternalShimsOptions["onLost"];
}

/** The shim that a task is to have. */
export interface ChosenShim {
  readonly kind: ShimKind;
  /** Whether it is another program, which may know less than ours. */
  readonly foreign: boolean;
  /** Has it there for the task, whose bundle is there. */
  start(task: TaskPlace): Promise<void>;
}

export class Shims implements AsyncDisposable {
  readonly #builtin: BuiltinShim;
  readonly #own: OwnShims;
  readonly #external: ExternalShims;

  constructor({ state, address, command = selfCommand, onLost, onEnded }: ShimsOptions) {
    const ours = { state, address, command };
    this.#builtin = new BuiltinShim({ ...ours, onLost: () => onLost(this.#builtin) });
    this.#own = new OwnShims({ ...ours, onLost: (task) => onLost(this.#own, task) });
    const daemon = { grpc: address.replace(/\.ttrpc$/, ""), ttrpc: address };
    this.#external = new ExternalShims({ daemon, onLost: onEnded });
  }

  /** Starts the shim of all ahead of its first task. */
  ready(): Promise<void> {
    return this.#builtin.ready();
  }

  /** What a container's runtime and its options ask for. Throws what is wrong with them. */
  async choose(runtime: string, options: Any | undefined): Promise<ChosenShim> {
    const { shimCgroup, taskApiAddress: address, taskApiVersion } = shimWish(options);
    const foreign = (start: ChosenShim["start"]) => ({ kind: this.#external, foreign: true, start });
    if (address) return foreign((task) => this.#external.join(task, address, taskApiVersion));
    const binary = await shimBinary(runtime);
    if (binary) return foreign((task) => this.#external.start(task, { binary, options }));
    const ours = (kind: ShimKind, start: ChosenShim["start"]) => ({ kind, foreign: false, start });
    if (shimCgroup) return ours(this.#own, (task) => this.#own.start(task, shimCgroup));
    return ours(this.#builtin, () => Promise.resolve());
  }

  /** The shim of an earlier daemon's task; undefined if it is gone, and the task with it. */
  async resume(task: TaskPlace): Promise<ShimKind | undefined> {
    if (!await readBootstrap(task.bundle)) return await this.#own.resume(task) ? this.#own : this.#builtin;
    return await this.#external.resume(task) ? this.#external : undefined;
  }

  /** Ends what is there for a task alone. */
  async end(task: TaskPlace): Promise<void> {
    await this.#external.end(task);
    await this.#own.end(task);
  }

  /** Ends the shim of all, which has no tasks any more. */
  endIdle(): Promise<void> {
    return this.#builtin.end();
  }

  /** Lets go of all of them; they go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#builtin[Symbol.asyncDispose]();
    await this.#own[Symbol.asyncDispose]();
    await this.#external[Symbol.asyncDispose]();
  }
}

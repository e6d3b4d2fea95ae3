/**
 * The daemon's side of tasks: what runs, in which bundle, behind which shim.
 *
 * The shim holds the truth about processes; this class knows which tasks there are, makes and removes their
 * bundles, and passes everything else on. After a restart of the daemon {@linkcode TaskManager.restore} finds
 * the tasks again by their bundles.
 */
import type { Container } from "../api/services/containers/v1/containers.ts";
import type * as api from "../api/services/tasks/v1/tasks.ts";
import type { StateResponse } from "../api/runtime/task/v3/shim.ts";
import type { Any } from "../api/google/protobuf/any.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { CheckpointOptions, Options } from "../api/types/runc/options/oci.ts";
import type { Process } from "../api/types/task/task.ts";
import {
  alreadyExists,
  Code,
  codeOf,
  CtrError,
  invalidArgument,
  isError,
  messageOf,
  notFound,
  unimplemented,
} from "../errors.ts";
import type { Scope } from "../scope.ts";
import { type SelfCommand, selfCommand } from "../sys/mod.ts";
import { bundlePath, listBundles, makeBundle, removeBundle } from "./bundle.ts";
import { BuiltinShim } from "./builtin_shim.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

export interface TaskManagerOptions {
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's ttrpc socket, to which shims send their events. */
  readonly address: string;
  /** Where container records are. */
  readonly containers: { get(scope: Scope, id: string): Container };
  /** How tasks become content and content tasks. */
  readonly checkpoints: Checkpoints;
  /** The command line that runs `ctr` with some arguments; this program unless said. */
  readonly command?: (args: readonly string[]) => SelfCommand;
}

/** A task's processes as content: CRIU's files. */
export interface Checkpoints {
  /** Stores the files of a directory; gives what the blob is. */
  pack(scope: Scope, dir: string, signal?: AbortSignal): Promise<Descriptor>;
  /** Puts them into an empty directory. Throws InvalidArgument for a blob of another kind, NotFound without it. */
  unpack(scope: Scope, checkpoint: Descriptor, dir: string, signal?: AbortSignal): Promise<void>;
  /** Stores a container's spec. */
  packSpec(scope: Scope, spec: Any): Promise<Descriptor>;
}

/** What a caller may say of one call. */
export interface TaskCallOptions {
  readonly signal?: AbortSignal;
}

/** Names under which clients ask for runc with the built-in shim. */
const runcNames = new Set([
  "",
  "io.containerd.runc.v2",
  "io.containerd.runc.v1",
  "io.containerd.runtime.v1.linux",
]);

export class TaskManager implements AsyncDisposable {
  readonly #options: TaskManagerOptions;
  readonly #builtin: BuiltinShim;
  readonly #tasks = new Map<string, TaskPlace>();

  constructor(options: TaskManagerOptions) {
    this.#options = options;
    this.#builtin = new BuiltinShim({ command: selfCommand, ...options, onLost: () => this.#replaceShim() });
  }

  /** Finds the tasks of an earlier daemon again, and removes what was left half made. Call before serving. */
  async restore(): Promise<void> {
    await Promise.all((await listBundles(this.#options.state)).map((place) => this.#restoreOne(place)));
  }

  /** Starts the shim ahead of the first task. */
  ready(): Promise<void> {
    return this.#builtin.ready();
  }

  /** Makes a container's task. Throws AlreadyExists if it has one. */
  async create(
    scope: Scope,
    request: api.CreateTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.CreateTaskResponse> {
    const { containerId: id, terminal, stdin, stdout, stderr } = request;
    const container = this.#options.containers.get(scope, id);
    this.#shimOf(container.runtime?.name ?? "");
    const place = {
      namespace: scope.namespace,
      id,
      bundle: bundlePath(this.#options.state, scope.namespace, id),
    };
    if (this.#tasks.has(keyOf(place))) throw alreadyExists(`task ${id}`);
    if (!container.spec?.value.length) throw invalidArgument(`container ${id} has no spec`);
    await makeBundle(place.bundle, container.spec.value);
    this.#tasks.set(keyOf(place), place);
    try {
      const options = request.options?.typeUrl ? request.options : container.runtime?.options;
      const checkpoint = await this.#unpackCheckpoint(scope, request, place, signal);
      const { pid } = await this.#call(
        place,
        (stub) =>
          stub.create(
            {
              id,
              bundle: place.bundle,
              rootfs: request.rootfs,
              terminal,
              stdin,
              stdout,
              stderr,
              options,
              checkpoint,
            },
            { signal },
          ),
      );
      return { containerId: id, pid };
    } catch (error) {
      // A shim that lost only its caller may still be making it; such a task is kept, to be deleted by hand.
      if (!await this.#alive(place)) await this.#forget(place);
      throw new CtrError(codeOf(error), `failed to create shim task: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Starts a task or one of its execs. */
  async start(
    scope: Scope,
    { containerId: id, execId }: api.StartRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.StartResponse> {
    return await this.#call(this.#find(scope, id), (stub) => stub.start({ id, execId }, { signal }));
  }

  /** Deletes a task that has ended or was never started. */
  async delete(
    scope: Scope,
    { containerId: id }: api.DeleteTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.DeleteResponse> {
    const place = this.#find(scope, id);
    const answer = await this.#call(place, (stub) => stub.delete({ id }, { signal }));
    await this.#forget(place);
    return { id: "", ...answer };
  }

  /** Deletes an exec that has ended or was never started. */
  async deleteProcess(
    scope: Scope,
    { containerId: id, execId }: api.DeleteProcessRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.DeleteResponse> {
    if (!execId) throw invalidArgument("exec id is empty");
    const answer = await this.#call(this.#find(scope, id), (stub) => stub.delete({ id, execId }, { signal }));
    return { id: execId, ...answer };
  }

  /** The state of a task or one of its execs. */
  async get(
    scope: Scope,
    { containerId: id, execId }: api.GetRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.GetResponse> {
    const ask = (stub: TaskStub) => stub.state({ id, execId }, { signal });
    return { process: processOf(await this.#call(this.#find(scope, id), ask, { repeat: true })) };
  }

  /** The tasks of a namespace. */
  async list(
    scope: Scope,
    _request: api.ListTasksRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.ListTasksResponse> {
    const places = [...this.#tasks.values()].filter(({ namespace }) => namespace === scope.namespace);
    const found = await Promise.all(places.map((place) => this.#state(place, signal)));
    return { tasks: found.filter((state) => state !== undefined).map(processOf) };
  }

  /** Signals a process, or all of a task's. */
  async kill(
    scope: Scope,
    { containerId: id, execId, signal: number, all }: api.KillRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(
      this.#find(scope, id),
      (stub) => stub.kill({ id, execId, signal: number, all }, { signal }),
    );
  }

  /** Adds an exec. Throws AlreadyExists for an exec id in use. */
  async exec(
    scope: Scope,
    { containerId: id, ...request }: api.ExecProcessRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(this.#find(scope, id), (stub) => stub.exec({ id, ...request }, { signal }));
  }

  /** Waits for the end of a process. */
  async wait(
    scope: Scope,
    { containerId: id, execId }: api.WaitRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.WaitResponse> {
    const ask = (stub: TaskStub) => stub.wait({ id, execId }, { signal });
    return await this.#call(this.#find(scope, id), ask, { repeat: true });
  }

  /** Every process in a task's container. */
  async pids(
    scope: Scope,
    { containerId: id }: api.ListPidsRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.ListPidsResponse> {
    return await this.#call(this.#find(scope, id), (stub) => stub.pids({ id }, { signal }), { repeat: true });
  }

  /** Says that no more input comes. */
  async closeIO(
    scope: Scope,
    { containerId: id, execId, stdin }: api.CloseIORequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(this.#find(scope, id), (stub) => stub.closeIO({ id, execId, stdin }, { signal }));
  }

  /** Sets the size of a process's terminal. */
  async resize(
    scope: Scope,
    { containerId: id, execId, width, height }: api.ResizePtyRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(
      this.#find(scope, id),
      (stub) => stub.resizePty({ id, execId, width, height }, { signal }),
    );
  }

  /** Freezes a task. */
  async pause(
    scope: Scope,
    { containerId: id }: api.PauseTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(this.#find(scope, id), (stub) => stub.pause({ id }, { signal }));
  }

  /** Lets a frozen task go on. */
  async resume(
    scope: Scope,
    { containerId: id }: api.ResumeTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(this.#find(scope, id), (stub) => stub.resume({ id }, { signal }));
  }

  /**
   * Writes a task into CRIU's files: into the directory that the options name, or else into content, which is
   * described. The task goes on unless the options say otherwise.
   */
  async checkpoint(
    scope: Scope,
    { containerId: id, options }: api.CheckpointTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<Descriptor[]> {
    const place = this.#find(scope, id);
    const { spec } = this.#options.containers.get(scope, id);
    const dump = (path: string) =>
      this.#call(place, (stub) => stub.checkpoint({ id, path, options }, { signal }));
    const asked = imagePath(options);
    if (asked) {
      await Deno.mkdir(asked, { recursive: true, mode: 0o700 });
      await dump(asked);
      return [];
    }
    const dir = await Deno.makeTempDir({ dir: place.bundle, prefix: "checkpoint-" });
    try {
      await dump(dir);
      const { checkpoints } = this.#options;
      return [await checkpoints.pack(scope, dir, signal), await checkpoints.packSpec(scope, spec!)];
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  }

  /** Where a task starts from: a directory that its options name, or one in its bundle. */
  async #unpackCheckpoint(
    scope: Scope,
    { checkpoint, options }: api.CreateTaskRequest,
    { bundle }: TaskPlace,
    signal?: AbortSignal,
  ): Promise<string> {
    if (!checkpoint) return options?.typeUrl ? Options.decode(options.value).criuImagePath : "";
    const dir = `${bundle}/checkpoint`;
    await Deno.mkdir(dir, { mode: 0o700 });
    await this.#options.checkpoints.unpack(scope, checkpoint, dir, signal);
    return dir;
  }

  /** Lets go of the shim, which goes on without this daemon while it has tasks, and ends if it has none. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tasks.size === 0) await this.#builtin.end();
    await this.#builtin[Symbol.asyncDispose]();
  }

  // The tasks of a dead shim have nobody who would notice their end.
  #replaceShim(): void {
    if (this.#tasks.size === 0) return;
    const first = this.#tasks.values().next().value!;
    this.#state(first).catch((error) =>
      console.error(`no shim for ${this.#tasks.size} tasks: ${messageOf(error)}`)
    );
  }

  #shimOf(runtime: string): ShimKind {
    if (runcNames.has(runtime)) return this.#builtin;
    throw unimplemented(`runtime ${runtime}`);
  }

  #call<R>(
    place: TaskPlace,
    request: (stub: TaskStub) => Promise<R>,
    options?: { repeat?: boolean },
  ): Promise<R> {
    return this.#builtin.call(place, request, options);
  }

  #find(scope: Scope, id: string): TaskPlace {
    this.#options.containers.get(scope, id);
    const place = this.#tasks.get(`${scope.namespace}/${id}`);
    if (!place) throw notFound(`task ${id} not found`);
    return place;
  }

  async #restoreOne(place: TaskPlace): Promise<void> {
    if (await this.#alive(place)) this.#tasks.set(keyOf(place), place);
    else await this.#forget(place);
  }

  async #alive(place: TaskPlace): Promise<boolean> {
    return await this.#state(place) !== undefined;
  }

  /** What the shim says of a task; undefined if it knows none. */
  async #state(place: TaskPlace, signal?: AbortSignal): Promise<StateResponse | undefined> {
    try {
      return await this.#call(place, (stub) => stub.state({ id: place.id }, { signal }), { repeat: true });
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  }

  async #forget(place: TaskPlace): Promise<void> {
    await removeBundle(place.bundle);
    this.#tasks.delete(keyOf(place));
  }
}

const imagePath = (options: Any | undefined) =>
  options?.typeUrl ? CheckpointOptions.decode(options.value).imagePath : "";

const keyOf = ({ namespace, id }: TaskPlace) => `${namespace}/${id}`;

function processOf(state: StateResponse): Process {
  const { id, execId, pid, status, stdin, stdout, stderr, terminal, exitStatus, exitedAt } = state;
  return {
    containerId: id,
    id: execId || id,
    pid,
    status,
    stdin,
    stdout,
    stderr,
    terminal,
    exitStatus,
    exitedAt,
  };
}

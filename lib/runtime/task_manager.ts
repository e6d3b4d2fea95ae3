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
import { TaskDelete, TaskExit } from "../api/events/task.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import {
  alreadyExists,
  Code,
  codeOf,
  CtrError,
  invalidArgument,
  isError,
  messageOf,
  notFound,
} from "../errors.ts";
import { faultPoint } from "../fault.ts";
import type { Publisher } from "../events/mod.ts";
import { anyOf } from "../rpc/any.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";
import { type SelfCommand, selfCommand } from "../sys/mod.ts";
import { bundlePath, listBundles, makeBundle, removeBundle } from "./bundle.ts";
import { readBootstrap } from "./bootstrap.ts";
import { BuiltinShim } from "./builtin_shim.ts";
import { ExternalShims, type LostTask } from "./external_shims.ts";
import { type Checkpoints, storeCheckpoint, unpackCheckpoint } from "./checkpoints.ts";
import { mountUnknown } from "./mapped_rootfs.ts";
import { shimWish } from "./options.ts";
import { OwnShims } from "./own_shims.ts";
import { processOf } from "./process.ts";
import { shimBinary } from "./runtime_name.ts";
import { gatherStats, type TaskStats } from "./stats.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

export interface TaskManagerOptions {
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's ttrpc socket, to which shims send their events. */
  readonly address: string;
  /** Where container records are. */
  readonly containers: { get(scope: Scope, id: string): Container };
  /** Who hears of tasks whose shim can't tell any more. */
  readonly publisher: Publisher;
  /** How tasks become content and content tasks. */
  readonly checkpoints: Checkpoints;
  /** The command line that runs `ctr` with some arguments; this program unless said. */
  readonly command?: (args: readonly string[]) => SelfCommand;
}

/** What a caller may say of one call. */
export interface TaskCallOptions {
  readonly signal?: AbortSignal;
}

/** A task, and the kind of shim that serves it. */
interface Task extends TaskPlace {
  readonly shim: ShimKind;
}

export class TaskManager implements AsyncDisposable {
  readonly #options: TaskManagerOptions;
  readonly #builtin: BuiltinShim;
  readonly #own: OwnShims;
  readonly #external: ExternalShims;
  readonly #tasks = new Map<string, Task>();

  constructor(options: TaskManagerOptions) {
    this.#options = options;
    this.#builtin = new BuiltinShim({ command: selfCommand, ...options, onLost: () => this.#replaceShim() });
    this.#own = new OwnShims({
      command: selfCommand,
      ...options,
      // As with the others': somebody has to notice its end.
      onLost: (task) => void this.#state({ ...task, shim: this.#own }).catch(tellOf(task)),
    });
    this.#external = new ExternalShims({
      daemon: { grpc: options.address.replace(/\.ttrpc$/, ""), ttrpc: options.address },
      onLost: (task, end) => this.#lost(task, end),
    });
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
    const options = request.options?.typeUrl ? request.options : container.runtime?.options;
    const { shimCgroup, taskApiAddress, taskApiVersion } = shimWish(options);
    const binary = taskApiAddress ? undefined : await shimBinary(container.runtime?.name ?? "");
    const place = {
      namespace: scope.namespace,
      id,
      bundle: bundlePath(this.#options.state, scope.namespace, id),
      shim: binary || taskApiAddress ? this.#external : shimCgroup ? this.#own : this.#builtin,
    };
    if (this.#tasks.has(keyOf(place))) throw alreadyExists(`task ${id}`);
    if (!container.spec?.value.length) throw invalidArgument(`container ${id} has no spec`);
    await makeBundle(place.bundle, container.spec.value);
    faultPoint("task.bundle");
    this.#tasks.set(keyOf(place), place);
    try {
      const checkpoint = await unpackCheckpoint(this.#options.checkpoints, scope, request, place, signal);
      if (binary) await this.#external.start(place, { binary, options });
      else if (taskApiAddress) await this.#external.join(place, taskApiAddress, taskApiVersion);
      else if (shimCgroup) await this.#own.start(place, shimCgroup);
      const foreign = binary || taskApiAddress;
      const rootfs = foreign ? mountUnknown(request.rootfs, place.bundle) : request.rootfs;
      const { pid } = await this.#call(
        place,
        (stub) =>
          stub.create(
            {
              id,
              bundle: place.bundle,
              rootfs,
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

  /** Changes the limits of a task. */
  async update(
    scope: Scope,
    { containerId: id, resources, annotations }: api.UpdateTaskRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<void> {
    await this.#call(
      this.#find(scope, id),
      (stub) => stub.update({ id, resources, annotations }, { signal }),
    );
  }

  /** What the tasks use that `wanted` picks, of all namespaces. */
  stats(wanted: (task: TaskPlace) => boolean, options: CallOptions = {}): Promise<TaskStats[]> {
    return gatherStats([...this.#tasks.values()].filter(wanted), async (task) => {
      const ask = (stub: TaskStub) => stub.stats({ id: task.id }, options);
      return (await this.#call(task, ask, { repeat: true })).stats;
    });
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
    return await storeCheckpoint(this.#options.checkpoints, scope, {
      place,
      spec: spec!,
      options,
      dump,
      signal,
    });
  }

  /** Lets go of the shim, which goes on without this daemon while it has tasks, and ends if it has none. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tasks.size === 0) await this.#builtin.end();
    await this.#builtin[Symbol.asyncDispose]();
    await this.#own[Symbol.asyncDispose]();
    await this.#external[Symbol.asyncDispose]();
  }

  // The tasks of a dead shim have nobody who would notice their end.
  #replaceShim(): void {
    const tasks = [...this.#tasks.values()].filter(({ shim }) => shim === this.#builtin);
    if (!tasks.length) return;
    this.#state(tasks[0]!).catch((error) =>
      console.error(`no shim for ${tasks.length} tasks: ${messageOf(error)}`)
    );
  }

  /** The task of an external shim that died: told as ended, and gone. */
  async #lost(place: TaskPlace, { pid, exitStatus, exitedAt }: LostTask): Promise<void> {
    const { publisher } = this.#options;
    const { namespace, id } = place;
    const end = { containerId: id, pid, exitStatus, exitedAt };
    publisher.publish(
      namespace,
      "/tasks/exit",
      anyOf("containerd.events.TaskExit", TaskExit, { ...end, id }),
    );
    await this.#forget(place);
    const deleted = anyOf("containerd.events.TaskDelete", TaskDelete, { ...end, id: "" });
    publisher.publish(namespace, "/tasks/delete", deleted);
  }

  async #call<R>(
    task: Task,
    request: (stub: TaskStub) => Promise<R>,
    options?: { repeat?: boolean },
  ): Promise<R> {
    faultPoint("task.call");
    const answer = await task.shim.call(task, request, options);
    faultPoint("task.answered");
    return answer;
  }

  /** A task may have lost its container's record (a client can delete it): it must be possible to end it all the same. */
  #find(scope: Scope, id: string): Task {
    const place = this.#tasks.get(`${scope.namespace}/${id}`);
    if (place) return place;
    this.#options.containers.get(scope, id);
    throw notFound(`task ${id} not found`);
  }

  async #restoreOne(place: TaskPlace): Promise<void> {
    const own = await this.#own.resume(place) ? this.#own : this.#builtin;
    const shim = await readBootstrap(place.bundle) ? this.#external : own;
    const task = { ...place, shim };
    if (shim === this.#external && !await this.#external.resume(task)) return;
    // One whose shim can't be had just now is still there.
    const alive = await this.#alive(task).catch((error) => {
      tellOf(task)(error);
      return true;
    });
    if (alive) this.#tasks.set(keyOf(task), task);
    else await this.#forget(task);
  }

  async #alive(task: Task): Promise<boolean> {
    return await this.#state(task) !== undefined;
  }

  /** What the shim says of a task; undefined if it knows none. */
  async #state(place: Task, signal?: AbortSignal): Promise<StateResponse | undefined> {
    try {
      return await this.#call(place, (stub) => stub.state({ id: place.id }, { signal }), { repeat: true });
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  }

  async #forget(place: TaskPlace): Promise<void> {
    await this.#external.end(place);
    await this.#own.end(place);
    faultPoint("task.forget");
    await removeBundle(place.bundle);
    this.#tasks.delete(keyOf(place));
  }
}

const tellOf = ({ id }: TaskPlace) => (error: unknown) =>
  console.error(`no shim for task ${id}: ${messageOf(error)}`);
const keyOf = ({ namespace, id }: TaskPlace) => `${namespace}/${id}`;

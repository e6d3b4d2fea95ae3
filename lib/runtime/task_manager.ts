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
import type { ExecResponse } from "../api/shim/v1/shim.ts";
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
import { bundlePath, listBundles, makeBundle, removeBundle } from "./bundle.ts";
import { execCourse } from "./exec_course.ts";
import type { LostTask } from "./external_shims.ts";
import { type Checkpoints, removeStages, storeCheckpoint, unpackCheckpoint } from "./checkpoints.ts";
import { mountUnknown } from "./mapped_rootfs.ts";
import { processOf, processOrUnknown } from "./process.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";
import { Shims, type ShimsOptions } from "./shims.ts";
import { gatherStats, type TaskStats } from "./stats.ts";

export interface TaskManagerOptions extends Pick<ShimsOptions, "state" | "address" | "command"> {
  /** Where container records are. */
  readonly containers: { get(scope: Scope, id: string): Container };
  /** Who hears of tasks whose shim can't tell any more. */
  readonly publisher: Publisher;
  /** How tasks become content and content tasks. */
  readonly checkpoints: Checkpoints;
}

/** How long a list waits for one shim, in milliseconds; containerd's io.containerd.timeout.task.state. */
const STATE_TIMEOUT = 2000;

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
  readonly #shims: Shims;
  readonly #tasks = new Map<string, Task>();

  constructor(options: TaskManagerOptions) {
    this.#options = options;
    const { state, address, command } = options;
    this.#shims = new Shims({
      state,
      address,
      command,
      onLost: (kind, task) => this.#replace(kind, task),
      onEnded: (task, end) => this.#lost(task, end),
    });
  }

  /** Finds the tasks of an earlier daemon again, and removes what was left half made. Call before serving. */
  async restore(): Promise<void> {
    const { state } = this.#options;
    await Promise.all((await listBundles(state)).map((place) => this.#restoreOne(place)));
    await removeStages(state);
  }

  /** Starts the shim ahead of the first task. */
  ready(): Promise<void> {
    return this.#shims.ready();
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
    const shim = await this.#shims.choose(container.runtime?.name ?? "", options);
    const place = {
      namespace: scope.namespace,
      id,
      bundle: bundlePath(this.#options.state, scope.namespace, id),
      shim: shim.kind,
    };
    if (this.#tasks.has(keyOf(place))) throw alreadyExists(`task ${id}`);
    if (!container.spec?.value.length) throw invalidArgument(`container ${id} has no spec`);
    await makeBundle(place.bundle, container.spec.value);
    faultPoint("task.bundle");
    this.#tasks.set(keyOf(place), place);
    try {
      const checkpoint = await unpackCheckpoint(this.#options.checkpoints, scope, request, place, signal);
      await shim.start(place);
      const rootfs = shim.foreign ? mountUnknown(request.rootfs, place.bundle) : request.rootfs;
      const { bundle } = place;
      const task = { id, bundle, rootfs, terminal, stdin, stdout, stderr, options, checkpoint };
      const { pid } = await this.#call(place, (stub) => stub.create(task, { signal }));
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

  /** The tasks of a namespace. One whose shim is hung or broken hides no other. */
  async list(
    scope: Scope,
    _request: api.ListTasksRequest,
    { signal }: TaskCallOptions = {},
  ): Promise<api.ListTasksResponse> {
    const places = [...this.#tasks.values()].filter(({ namespace }) => namespace === scope.namespace);
    const found = await Promise.all(
      places.map((place) => processOrUnknown(place, this.#state(place, { signal, timeout: STATE_TIMEOUT }))),
    );
    signal?.throwIfAborted();
    return { tasks: found.filter((process) => process !== undefined) };
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

  /** Adds an exec and starts it; tells of its start and its end. One that can't be started is not there any more. */
  async *run(
    scope: Scope,
    { containerId: id, ...request }: api.ExecProcessRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ExecResponse> {
    const task = this.#find(scope, id);
    const exec = task.shim.exec?.bind(task.shim);
    const call = <R>(ask: (stub: TaskStub) => Promise<R>, options?: { repeat?: boolean }) =>
      this.#call(task, ask, options);
    yield* execCourse({ task, exec, call }, { id, ...request }, signal);
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
    const { state, checkpoints } = this.#options;
    return await storeCheckpoint(checkpoints, scope, { state, spec: spec!, options, dump, signal });
  }

  /** Lets go of the shim, which goes on without this daemon while it has tasks, and ends if it has none. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tasks.size === 0) await this.#shims.endIdle();
    await this.#shims[Symbol.asyncDispose]();
  }

  /** The tasks of a dead shim have nobody who would notice their end: asking for one brings the next shim. */
  #replace(kind: ShimKind, lost?: TaskPlace): void {
    const tasks = [...this.#tasks.values()].filter(({ shim }) => shim === kind);
    const task = lost ? { ...lost, shim: kind } : tasks[0];
    if (task) this.#state(task).catch(tellOf(task));
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
    const shim = await this.#shims.resume(place);
    if (!shim) return;
    const task = { ...place, shim };
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
  async #state(place: Task, options?: CallOptions): Promise<StateResponse | undefined> {
    try {
      return await this.#call(place, (stub) => stub.state({ id: place.id }, options), { repeat: true });
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  }

  async #forget(place: TaskPlace): Promise<void> {
    await this.#shims.end(place);
    faultPoint("task.forget");
    await removeBundle(place.bundle);
    this.#tasks.delete(keyOf(place));
  }
}

const tellOf = ({ id }: TaskPlace) => (error: unknown) =>
  console.error(`no shim for task ${id}: ${messageOf(error)}`);
const keyOf = ({ namespace, id }: TaskPlace) => `${namespace}/${id}`;

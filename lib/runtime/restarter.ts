/**
 * Looks after containers that ask for it by their labels: starts their tasks again when they have ended, and when
 * the daemon starts; ends those that ought to be stopped. It acts on events, and waits longer from one start to
 * the next of a task that doesn't live long.
 */
import { ContainerDelete, ContainerUpdate } from "../api/events/container.ts";
import { TaskDelete, TaskExit } from "../api/events/task.ts";
import type { Container } from "../api/services/containers/v1/containers.ts";
import { CreateTaskRequest } from "../api/services/tasks/v1/tasks.ts";
import type { Envelope } from "../api/types/event.ts";
import type { Mount } from "../api/types/mount.ts";
import { type Process, Status } from "../api/types/task/task.ts";
import { Code, isError } from "../errors.ts";
import type { Exchange } from "../events/mod.ts";
import { restartLabels } from "../labels.ts";
import { isLookedAfter, restartsOf, wantsStart } from "../oci/mod.ts";
import { complete } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";
import { attachIfWanted, detachIfAttached } from "./networks.ts";
import type { TaskManager } from "./task_manager.ts";

export interface RestarterOptions {
  readonly tasks: TaskManager;
  readonly containers: {
    get(scope: Scope, id: string): Container;
    list(scope: Scope, filters?: readonly string[]): Container[];
    update(scope: Scope, container: Container, paths: readonly string[]): Promise<Container>;
  };
  /** Names of all namespaces. */
  readonly namespaces: () => readonly string[];
  /** How the snapshot of a container is mounted. */
  readonly mounts: (scope: Scope, snapshotter: string, key: string) => readonly Mount[];
  readonly events: Exchange;
  /** Where the output of a container goes that says nothing of it; empty for nowhere. */
  readonly logOf: (container: Container) => string;
  readonly onError: (what: string, error: unknown) => void;
}

/** Milliseconds to the first new start, and the most that it becomes by doubling. */
const shortest = 100;
const longest = 60_000;
/** Milliseconds after which a task has lived long enough for the shortest wait. */
const longLife = 10_000;
const SIGKILL = 9;
const topics = ["/tasks/exit", "/tasks/delete", "/containers/update", "/containers/delete"]
  .map((topic) => `topic=="${topic}"`);

interface Watched {
  wait: number;
  startedAt: number;
  timer?: ReturnType<typeof setTimeout>;
}

export class Restarter implements AsyncDisposable {
  readonly #options: RestarterOptions;
  readonly #end = new AbortController();
  readonly #watched = new Map<string, Watched>();
  /** What is being done, or will be, to each of them: one thing after the other. */
  readonly #working = new Map<string, Promise<void>>();
  #listening?: Promise<void>;

  constructor(options: RestarterOptions) {
    this.#options = options;
  }

  /** Begins, with what ought to run already. Call when the tasks of an earlier daemon are known. */
  start(): void {
    this.#listening = this.#listen();
    for (const namespace of this.#options.namespaces()) {
      const scope = { namespace };
      for (const container of this.#options.containers.list(scope)) {
        if (isLookedAfter(container.labels)) {
          this.#do(scope, container.id, () => this.#begin(scope, container));
        }
      }
    }
  }

  /** Stops looking after them; what is under way is done first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const { timer } of this.#watched.values()) clearTimeout(timer);
    await this.#listening;
    await Promise.all(this.#working.values());
  }

  async #listen(): Promise<void> {
    for await (const envelope of this.#options.events.subscribe(topics, this.#end.signal)) {
      const id = containerIn(envelope);
      if (id) this.#look({ namespace: envelope.namespace }, id);
    }
  }

  /** Sees what a container needs now. */
  #look(scope: Scope, id: string): void {
    this.#do(scope, id, async () => {
      const container = this.#find(scope, id);
      if (!container || !isLookedAfter(container.labels)) return this.#forget(scope, id);
      const task = await this.#taskOf(scope, id);
      if (hasEnded(task)) await this.#giveBack(scope, container);
      if (container.labels[restartLabels.status] === "stopped") return await this.#stop(scope, id, task);
      if (hasEnded(task) && wantsStart(container.labels, task?.exitStatus ?? 0)) this.#startLater(scope, id);
    });
  }

  /** What a daemon's start means to one of them. */
  async #begin(scope: Scope, container: Container): Promise<void> {
    const { id, labels } = container;
    const task = await this.#taskOf(scope, id);
    if (hasEnded(task)) await this.#giveBack(scope, container);
    if (labels[restartLabels.status] === "stopped") return await this.#stop(scope, id, task);
    if (!hasEnded(task) || !wantsStart(labels, task?.exitStatus ?? 0, { starting: true })) return;
    if (labels[restartLabels.stopped]) await this.#label(scope, id, restartLabels.stopped, "");
    this.#startLater(scope, id, { wait: 0 });
  }

  #startLater(scope: Scope, id: string, { wait }: { wait?: number } = {}): void {
    const watched = this.#watched.get(keyOf(scope, id)) ?? { wait: shortest, startedAt: 0 };
    this.#watched.set(keyOf(scope, id), watched);
    if (watched.timer !== undefined) return;
    if (Date.now() - watched.startedAt > longLife) watched.wait = shortest;
    const start = () => {
      watched.timer = undefined;
      watched.startedAt = Date.now();
      this.#do(scope, id, () => this.#startAgain(scope, id));
    };
    watched.timer = setTimeout(start, wait ?? watched.wait);
    watched.wait = Math.min(watched.wait * 2, longest);
  }

  async #startAgain(scope: Scope, id: string): Promise<void> {
    const container = this.#find(scope, id);
    const task = await this.#taskOf(scope, id);
    if (!container) return this.#forget(scope, id);
    if (!hasEnded(task) || !wantsStart(container.labels, task?.exitStatus ?? 0)) return;
    const { tasks } = this.#options;
    try {
      if (task) await tasks.delete(scope, { containerId: id }).catch(unlessGone);
      const { pid } = await tasks.create(scope, this.#requestFor(scope, container));
      await this.#attachAndStart(scope, container, pid);
    } catch (error) {
      // Another try, after a longer while; a command that is not there may come.
      this.#startLater(scope, id);
      throw error;
    }
    await this.#label(scope, id, restartLabels.count, String(restartsOf(container.labels) + 1));
  }

  async #attachAndStart(scope: Scope, container: Container, pid: number): Promise<void> {
    const { tasks } = this.#options;
    const { id: containerId } = container;
    try {
      await attachIfWanted(scope, container, pid);
      await tasks.start(scope, { containerId, execId: "" });
    } catch (error) {
      // One that never began would pass for one that runs.
      await tasks.kill(scope, { containerId, execId: "", signal: SIGKILL, all: true }).catch(() => {});
      await tasks.delete(scope, { containerId }).catch(() => {});
      await this.#giveBack(scope, container);
      throw error;
    }
  }

  /** A task that has ended has no use for its network; why it can't be given back is told, and keeps nothing else. */
  async #giveBack(scope: Scope, container: Container): Promise<void> {
    const runs = async () => !hasEnded(await this.#taskOf(scope, container.id));
    try {
      await detachIfAttached(scope, container, runs);
    } catch (error) {
      this.#options.onError(`${keyOf(scope, container.id)} could not be taken off its network`, error);
    }
  }

  #requestFor(scope: Scope, container: Container): CreateTaskRequest {
    const { id, snapshotter, snapshotKey, spec, labels } = container;
    const rootfs = snapshotKey ? this.#options.mounts(scope, snapshotter, snapshotKey) : [];
    const { process } = JSON.parse(new TextDecoder().decode(spec?.value)) as {
      process?: { terminal?: boolean };
    };
    const terminal = process?.terminal === true;
    const stdout = labels[restartLabels.log] || this.#options.logOf(container);
    return complete(CreateTaskRequest, {
      containerId: id,
      rootfs: [...rootfs],
      stdout,
      stderr: terminal ? "" : stdout,
      terminal,
    });
  }

  async #stop(scope: Scope, containerId: string, task: Process | undefined): Promise<void> {
    if (hasEnded(task)) return;
    await this.#options.tasks.kill(scope, { containerId, execId: "", signal: SIGKILL, all: true }).catch(
      unlessGone,
    );
  }

  async #label(scope: Scope, id: string, label: string, value: string): Promise<void> {
    const container = { ...this.#options.containers.get(scope, id), labels: { [label]: value } };
    await this.#options.containers.update(scope, container, [`labels.${label}`]);
  }

  #find(scope: Scope, id: string): Container | undefined {
    try {
      return this.#options.containers.get(scope, id);
    } catch {
      return undefined;
    }
  }

  async #taskOf(scope: Scope, containerId: string): Promise<Process | undefined> {
    try {
      return (await this.#options.tasks.get(scope, { containerId, execId: "" })).process;
    } catch (error) {
      return unlessGone(error);
    }
  }

  #forget(scope: Scope, id: string): void {
    clearTimeout(this.#watched.get(keyOf(scope, id))?.timer);
    this.#watched.delete(keyOf(scope, id));
  }

  #do(scope: Scope, id: string, work: () => Promise<void> | void): void {
    if (this.#end.signal.aborted) return;
    const key = keyOf(scope, id);
    const working = (this.#working.get(key) ?? Promise.resolve()).then(work)
      .catch((error) => this.#options.onError(`${key} could not be started again`, error))
      .finally(() => {
        if (this.#working.get(key) === working) this.#working.delete(key);
      });
    this.#working.set(key, working);
  }
}

/** Whose container an event is about, if it can mean something here; the end of an exec can't. */
function containerIn({ topic, event }: Envelope): string | undefined {
  const bytes = event!.value;
  if (topic === "/containers/update") return ContainerUpdate.decode(bytes).id;
  if (topic === "/containers/delete") return ContainerDelete.decode(bytes).id;
  if (topic === "/tasks/delete") return TaskDelete.decode(bytes).containerId;
  const { id, containerId } = TaskExit.decode(bytes);
  return id === containerId ? containerId : undefined;
}

const hasEnded = (task: Process | undefined) => !task || task.status === Status.STOPPED;
const keyOf = ({ namespace }: Scope, id: string) => `${namespace}/${id}`;

function unlessGone(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}

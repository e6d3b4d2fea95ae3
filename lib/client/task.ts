/** Running processes: a container's task, and what is executed beside it. */
import { type DeleteResponse, TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { Status } from "../api/types/task/task.ts";
import { Code, isError } from "../errors.ts";
import { mergeEnv, type ProcessSpec, processUrl, type Resources, resourcesUrl } from "../oci/mod.ts";
import { anyJson } from "../rpc/any.ts";
import type { CallOptions, Stub } from "../rpc/service.ts";
import { toMillis } from "../rpc/timestamp.ts";
import { type Io, noIo, type OpenIo } from "./io.ts";
import { metricsOf, type TaskMetrics } from "./metrics.ts";
import type { Services } from "./services.ts";
import { type Signal, signalNumber } from "./signals.ts";

/** How a process ended. */
export interface Exit {
  /** Its exit code; 128 and the signal's number if a signal ended it. */
  readonly code: number;
  readonly at: Date;
}

export type ProcessState = "unknown" | "created" | "running" | "stopped" | "paused" | "pausing";

const states: Record<number, ProcessState> = {
  [Status.CREATED]: "created",
  [Status.RUNNING]: "running",
  [Status.STOPPED]: "stopped",
  [Status.PAUSED]: "paused",
  [Status.PAUSING]: "pausing",
};

/** A process of a container: the task's own, or one that was executed in it. */
export class Process implements AsyncDisposable {
  readonly containerId: string;
  /** Empty for the task's own. */
  readonly execId: string;
  protected readonly services: Services;
  readonly #io: OpenIo | undefined;
  #exit: Promise<Exit> | undefined;
  #deleted = false;

  constructor(services: Services, containerId: string, execId: string, io?: OpenIo) {
    this.services = services;
    this.containerId = containerId;
    this.execId = execId;
    this.#io = io;
  }

  /** Starts it; its process id on the host. */
  async start(options?: CallOptions): Promise<number> {
    // Asked before the start: a short process is gone before a later question arrives.
    this.#exit ??= this.#awaitExit();
    this.#exit.catch(() => {});
    return (await this.tasks().start(this.name, options)).pid;
  }

  /** Resolves when it has ended and all its output has arrived. */
  async wait(options?: CallOptions): Promise<Exit> {
    const exit = await (options ? this.#awaitExit(options) : this.#exit ??= this.#awaitExit());
    await this.#io?.drained();
    return exit;
  }

  /** Sends a signal; `all` for everything in the container. Throws InvalidArgument for what is no signal. */
  async kill(signal: Signal = "SIGTERM", { all = false, ...options }: CallOptions & { all?: boolean } = {}) {
    await this.tasks().kill({ ...this.name, signal: signalNumber(signal), all }, options);
  }

  /** Tells the process that its input has ended. */
  async closeInput(options?: CallOptions): Promise<void> {
    await this.tasks().closeIO({ ...this.name, stdin: true }, options);
  }

  async resize(width: number, height: number, options?: CallOptions): Promise<void> {
    await this.tasks().resizePty({ ...this.name, width, height }, options);
  }

  async state(options?: CallOptions): Promise<ProcessState> {
    const { process } = await this.tasks().get(this.name, options);
    return states[process!.status] ?? "unknown";
  }

  /** Forgets an ended process. Throws FailedPrecondition while it runs. */
  async delete(options?: CallOptions): Promise<Exit> {
    const { exitStatus, exitedAt } = await this.remove(options);
    this.#deleted = true;
    await this.#io?.[Symbol.asyncDispose]();
    return { code: exitStatus, at: new Date(exitedAt ? toMillis(exitedAt) : 0) };
  }

  /** Ends it, if it still runs, and forgets it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#deleted) return;
    try {
      await this.kill("SIGKILL", { all: this.execId === "" }).catch(unlessGone);
      if (await this.state() !== "created") await this.wait();
      await this.delete();
    } catch (error) {
      unlessGone(error);
      await this.#io?.[Symbol.asyncDispose]();
    }
  }

  protected get name(): { containerId: string; execId: string } {
    return { containerId: this.containerId, execId: this.execId };
  }

  protected tasks(): Stub<typeof TasksDefinition> {
    return this.services.stub(TasksDefinition);
  }

  protected remove(options?: CallOptions): Promise<DeleteResponse> {
    return this.tasks().deleteProcess(this.name, options);
  }

  async #awaitExit(options?: CallOptions): Promise<Exit> {
    const { exitStatus, exitedAt } = await this.tasks().wait(this.name, options);
    return { code: exitStatus, at: new Date(exitedAt ? toMillis(exitedAt) : 0) };
  }
}

/** What to execute in a running container; what is left out is as in its spec. */
export interface ExecOptions extends CallOptions {
  readonly args: string[];
  readonly env?: string[];
  readonly cwd?: string;
  readonly user?: ProcessSpec["user"];
  readonly terminal?: boolean;
  readonly io?: Io;
}

/** The running side of a container. */
export class Task extends Process {
  readonly pid: number;
  readonly #process: () => Promise<ProcessSpec>;

  constructor(
    services: Services,
    containerId: string,
    pid: number,
    process: () => Promise<ProcessSpec>,
    io?: OpenIo,
  ) {
    super(services, containerId, "", io);
    this.pid = pid;
    this.#process = process;
  }

  /** Prepares another process in the container, under an id of its own; `start` starts it. */
  async exec(
    execId: string,
    { args, env, cwd, user, terminal = false, io = noIo(), ...options }: ExecOptions,
  ): Promise<Process> {
    const own = await this.#process();
    const process = {
      ...own,
      args,
      terminal,
      env: mergeEnv(own.env ?? [], env ?? []),
      cwd: cwd ?? own.cwd,
      user: user ?? own.user,
    };
    const open = await io.open(`${this.containerId}-${execId}`, terminal);
    try {
      const { stdin, stdout, stderr } = open;
      const spec = anyJson(processUrl, process);
      await this.tasks().exec({
        containerId: this.containerId,
        execId,
        stdin,
        stdout,
        stderr,
        terminal,
        spec,
      }, options);
      const made = new Process(this.services, this.containerId, execId, open);
      open.begin(() => made.closeInput());
      return made;
    } catch (error) {
      await open[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Process ids on the host of everything in the container. */
  async pids(options?: CallOptions): Promise<number[]> {
    const { processes } = await this.tasks().listPids({ containerId: this.containerId }, options);
    return processes.map(({ pid }) => pid);
  }

  /** What it uses. Throws NotFound if it has no cgroup any more. */
  async metrics(options?: CallOptions): Promise<TaskMetrics> {
    return await metricsOf(this.services, this.containerId, options);
  }

  /** Changes its limits; those that aren't named stay. What the kernel refuses is an error of the class Unknown. */
  async update(
    resources: Resources,
    { annotations = {}, ...options }: CallOptions & { annotations?: Record<string, string> } = {},
  ): Promise<void> {
    const { containerId } = this;
    await this.tasks().update(
      { containerId, resources: anyJson(resourcesUrl, resources), annotations },
      options,
    );
  }

  async pause(options?: CallOptions): Promise<void> {
    await this.tasks().pause({ containerId: this.containerId }, options);
  }

  async resume(options?: CallOptions): Promise<void> {
    await this.tasks().resume({ containerId: this.containerId }, options);
  }

  protected override remove(options?: CallOptions): Promise<DeleteResponse> {
    return this.tasks().delete({ containerId: this.containerId }, options);
  }
}

function unlessGone(error: unknown): void {
  if (!isError(error, Code.NotFound)) throw error;
}

/** What the shim knows of a container and of each process that runs in it. */
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";
import type { Mount } from "../api/types/mount.ts";
import { Status } from "../api/types/task/task.ts";
import type { Cgroup, OomWatch } from "../cgroups/mod.ts";
import { alreadyExists, notFound } from "../errors.ts";
import type { Runtime } from "./runc.ts";
import type { SpecFacts } from "./spec.ts";
import type { Stdio, StdioPaths } from "./stdio.ts";

/** One process: the container's first (`execId` is empty) or one of its execs. */
export interface Process {
  readonly execId: string;
  readonly paths: StdioPaths;
  stdio?: Stdio;
  pid: number;
  status: Status;
  exitCode: number;
  exitedAt?: Timestamp;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Resolves `ended`, and tells those who wait. */
  end(): void;
  /** Who waits, and may give up: a promise would keep what each of them left there. See {@linkcode untilEnded}. */
  readonly waiting: Set<() => void>;
  /** Runs changes of this process one after the other. */
  turn: Promise<unknown>;
  /** Set while Start is under way: its event goes before that of the exit. */
  starting?: Starting;
}

/** What happened during a start. */
export interface Starting {
  /** Tell of other things; called when the start is over. */
  meanwhile?: (() => void)[];
  /** Tells of the exit; called after those. */
  ended?: () => void;
  /** Called at once when the process ends. */
  onEnd?: () => void;
}

export interface Container {
  readonly namespace: string;
  readonly id: string;
  readonly bundle: string;
  readonly runtime: Runtime;
  readonly mounts: readonly Mount[];
  readonly facts: SpecFacts;
  readonly init: Process;
  /** By exec id. */
  readonly execs: Map<string, Process>;
  /** The directory of CRIU's files that it starts from. */
  readonly checkpoint?: string;
  /** Where its resources are counted; known once it has a process. */
  cgroup?: Cgroup;
  /** Hears when the kernel kills in it for want of memory; from its start to its deletion. */
  oom?: OomWatch;
}

/** A process that has not been started. */
export function newProcess(execId: string, paths: StdioPaths): Process {
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = new Set<() => void>();
  return {
    execId,
    paths,
    pid: 0,
    status: Status.CREATED,
    exitCode: 0,
    ended: promise,
    end() {
      resolve();
      for (const tell of waiting) tell();
      waiting.clear();
    },
    waiting,
    turn: Promise.resolve(),
  };
}

/** Waits for the end of a process, or until the signal is aborted: then its reason is thrown, and nothing stays. */
export async function untilEnded(process: Process, signal: AbortSignal): Promise<void> {
  if (process.status === Status.STOPPED) return await process.ended;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = () => reject(signal.reason);
  process.waiting.add(resolve);
  signal.addEventListener("abort", giveUp);
  try {
    await promise;
  } finally {
    process.waiting.delete(resolve);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Runs `change` after all earlier changes of the process. */
export function inTurn<R>(process: Process, change: () => Promise<R>): Promise<R> {
  const result = process.turn.then(change);
  process.turn = result.catch(() => {});
  return result;
}

/** The first process, or the exec with that id. Throws NotFound. */
export function processOf(container: Container, execId: string): Process {
  if (!execId) return container.init;
  const process = container.execs.get(execId);
  if (!process) throw notFound(`process ${execId} in container ${container.id}: process does not exist`);
  return process;
}

/** Every container of the shim. */
export class Containers {
  readonly #all = new Map<string, Container>();
  readonly #coming = new Map<string, Promise<unknown>>();

  /** Throws NotFound. */
  get(namespace: string, id: string): Container {
    const container = this.#all.get(keyOf(namespace, id));
    if (!container) throw notFound(`container ${id} in namespace ${namespace}: container not created`);
    return container;
  }

  /** Keeps the name while `make` makes the container. Throws AlreadyExists. */
  async add(namespace: string, id: string, make: () => Promise<Container>): Promise<Container> {
    const key = keyOf(namespace, id);
    if (this.#all.has(key) || this.#coming.has(key)) throw alreadyExists(`task ${id}`);
    const making = make();
    this.#coming.set(key, making);
    try {
      const container = await making;
      this.#all.set(key, container);
      return container;
    } finally {
      this.#coming.delete(key);
    }
  }

  /** Waits for a container that is being made just now. */
  async settled(namespace: string, id: string): Promise<void> {
    await this.#coming.get(keyOf(namespace, id))?.catch(() => {});
  }

  remove(container: Container): void {
    this.#all.delete(keyOf(container.namespace, container.id));
  }

  get size(): number {
    return this.#all.size + this.#coming.size;
  }
}

const keyOf = (namespace: string, id: string) => `${namespace}/${id}`;

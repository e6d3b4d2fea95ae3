/** A task manager of a test's own, with a real shim, real runc and a busybox root file system. */
import assert from "node:assert/strict";
import type { Envelope } from "../../../lib/api/types/event.ts";
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import {
  CreateTaskRequest,
  ExecProcessRequest,
  type WaitResponse,
} from "../../../lib/api/services/tasks/v1/tasks.ts";
import { EventsDefinition } from "../../../lib/api/services/ttrpc/events/v1/events.ts";
import { notFound } from "../../../lib/errors.ts";
import { anyJson } from "../../../lib/rpc/any.ts";
import { complete, service } from "../../../lib/rpc/service.ts";
import type { Server } from "../../../lib/rpc/accept.ts";
import { serveTtrpc } from "../../../lib/rpc/ttrpc/server.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { TaskDefinition } from "../../../lib/api/runtime/task/v3/shim.ts";
import { TaskManager } from "../../../lib/runtime/mod.ts";
import type { Scope } from "../../../lib/scope.ts";
import { cgroupRoots, findLeaks } from "../../harness/leaks.ts";
import { busyboxRootfs, must, Scratch } from "../../harness/mod.ts";

const entry = new URL("./shim_entry.ts", import.meta.url).pathname;

/** The command line that runs our program from source. */
export const fromSource = (args: readonly string[]) => ({
  command: Deno.execPath(),
  args: ["run", "-A", "--unstable-kv", "--quiet", entry, ...args],
});

const refuse = () => Promise.reject(new Error("no content store here"));
/** For tests without checkpoints. */
export const noCheckpoints = { pack: refuse, unpack: refuse, packSpec: refuse };

export class Fixture implements AsyncDisposable {
  readonly scope: Scope = { namespace: "testing" };
  readonly events: Envelope[] = [];
  readonly containers = new Map<string, Container>();
  tasks: TaskManager;
  #server?: Server;

  private constructor(readonly scratch: Scratch) {
    this.tasks = this.newManager();
  }

  static async start(): Promise<Fixture> {
    const fixture = new Fixture(await Scratch.make("shm"));
    await busyboxRootfs(fixture.scratch.join("busybox"));
    await Deno.mkdir(fixture.state);
    fixture.listen();
    return fixture;
  }

  get state(): string {
    return this.scratch.join("state");
  }

  /** Its containers' common cgroup. */
  get cgroup(): string {
    return this.scratch.path.split("/").at(-1)!;
  }

  get shimSocket(): string {
    return `${this.state}/shim/shim.sock`;
  }

  /** A task manager as a daemon that was just started has it. */
  newManager(): TaskManager {
    const get = (_: Scope, id: string) => {
      const container = this.containers.get(id);
      if (!container) throw notFound(`container "${id}" in namespace "testing"`);
      return container;
    };
    return new TaskManager({
      state: this.state,
      address: this.scratch.join("daemon.ttrpc"),
      containers: { get },
      publisher: { publish() {} },
      checkpoints: noCheckpoints,
      command: fromSource,
    });
  }

  /** Takes events, as the daemon does. */
  listen(): void {
    const path = this.scratch.join("daemon.ttrpc");
    const listener = Deno.listen({ transport: "unix", path });
    this.#server = serveTtrpc(listener, [
      service(EventsDefinition, {
        forward: ({ envelope }) => {
          this.events.push(envelope!);
          return Promise.resolve({});
        },
      }),
    ]);
  }

  /** Puts a new task manager in the place of the old one, as a daemon's restart does. */
  async restart(): Promise<void> {
    await this.tasks[Symbol.asyncDispose]();
    this.tasks = this.newManager();
    await this.tasks.restore();
  }

  /** A task that another process's manager has made: its state, seen from a manager of our own. */
  async reopened(id: string) {
    await this.restart();
    return await this.stateOf(id);
  }

  /** Stops taking events, as a daemon that died. */
  async hangUp(): Promise<void> {
    await this.#server?.shutdown();
    await Deno.remove(this.scratch.join("daemon.ttrpc")).catch(() => {});
  }

  /** Topics of a container's events so far. */
  topics(id: string): string[] {
    return this.events.filter(({ event }) => new TextDecoder().decode(event?.value).includes(id))
      .map(({ topic }) => topic);
  }

  /** Waits until something holds; fails after five seconds. */
  async eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let n = 0; n < 250; n++) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("it never came to hold");
  }

  /** Adds a container record whose process runs `args`. */
  add(id: string, args: string[], change: (spec: Spec) => void = () => {}): void {
    const spec = specOf(args);
    spec.linux.cgroupsPath = `/${this.cgroup}/${id}`;
    change(spec);
    const any = anyJson("types.containerd.io/opencontainers/runtime-spec/1/Spec", spec);
    this.containers.set(id, complete(Container, { id, spec: any }));
  }

  /** Adds a container and its task, on an overlay of busybox. */
  async create(
    id: string,
    args: string[],
    more: Partial<CreateTaskRequest> = {},
    change?: (spec: Spec) => void,
  ) {
    if (!this.containers.has(id)) this.add(id, args, change);
    const rootfs = [await this.overlay(id)];
    return await this.tasks.create(
      this.scope,
      complete(CreateTaskRequest, { containerId: id, rootfs, ...more }),
    );
  }

  async overlay(id: string) {
    const dir = this.scratch.join("overlays", id);
    await Deno.mkdir(`${dir}/fs`, { recursive: true });
    await Deno.mkdir(`${dir}/work`, { recursive: true });
    const options = [`workdir=${dir}/work`, `upperdir=${dir}/fs`, `lowerdir=${this.scratch.join("busybox")}`];
    return { type: "overlay", source: "overlay", target: "", options };
  }

  start = (containerId: string, execId = "") => this.tasks.start(this.scope, { containerId, execId });
  wait = (containerId: string, execId = ""): Promise<WaitResponse> =>
    this.tasks.wait(this.scope, { containerId, execId });
  delete = (containerId: string) => this.tasks.delete(this.scope, { containerId });
  kill = (containerId: string, signal = 9, execId = "", all = false) =>
    this.tasks.kill(this.scope, { containerId, execId, signal, all });
  stateOf = async (containerId: string, execId = "") =>
    (await this.tasks.get(this.scope, { containerId, execId })).process!;

  /** Adds an exec of `args`. */
  exec(containerId: string, execId: string, args: string[], more: Partial<ExecProcessRequest> = {}) {
    const spec = anyJson("types.containerd.io/opencontainers/runtime-spec/1/Process", {
      ...specOf(args).process,
      terminal: more.terminal ?? false,
    });
    return this.tasks.exec(this.scope, complete(ExecProcessRequest, { containerId, execId, spec, ...more }));
  }

  /** Runs a container to its end; gives its exit code. */
  async run(id: string, args: string[], more: Partial<CreateTaskRequest> = {}): Promise<number> {
    await this.create(id, args, more);
    const ended = this.wait(id);
    await this.start(id);
    const { exitStatus } = await ended;
    await this.delete(id);
    return exitStatus;
  }

  /** Makes a FIFO; gives its path. */
  async fifo(name: string): Promise<string> {
    const path = this.scratch.join(name);
    await must("mkfifo", [path]);
    return path;
  }

  /** The pid of the shim that serves a task. */
  async shimPid(id: string): Promise<number> {
    await using channel = await connectTtrpc(this.shimSocket);
    return (await channel.stub(TaskDefinition, this.scope).connect({ id })).shimPid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of (await this.tasks.list(this.scope, { filter: "" })).tasks) {
      await this.kill(id).catch(() => {});
      await this.wait(id).catch(() => {});
      await this.delete(id).catch((error) => console.error(`${id}: ${error}`));
    }
    await this.tasks[Symbol.asyncDispose]();
    await endShim(this.shimSocket);
    await this.#server?.shutdown();
    let leaks: string[] = [];
    await this.eventually(async () => (leaks = await this.#leaks()).length === 0).catch(() => {});
    for (const root of cgroupRoots(this.cgroup)) await Deno.remove(root).catch(() => {});
    await this.scratch[Symbol.asyncDispose]();
    assert.deepEqual(leaks, [], "left behind");
  }

  #leaks(): Promise<string[]> {
    return findLeaks({
      path: this.scratch.path,
      cgroup: this.cgroup,
      empty: [`${this.state}/tasks/testing`, `${this.state}/runc/testing`],
    });
  }
}

/** Ends an idle shim. */
export async function endShim(socket: string): Promise<void> {
  try {
    await using channel = await connectTtrpc(socket);
    await channel.stub(TaskDefinition, { namespace: "testing" }).shutdown({ id: "", now: true });
  } catch {
    return; // none was started
  }
  for (let n = 0; n < 100; n++) {
    if (!await connectTtrpc(socket).then((c) => c[Symbol.asyncDispose]()).then(() => true, () => false)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the shim at ${socket} did not end`);
}

/** The parts of an OCI spec that the tests touch. */
export interface Spec {
  process: {
    args: string[];
    terminal: boolean;
    user: { uid: number; gid: number };
    env: string[];
    cwd: string;
  };
  linux: { namespaces: { type: string }[]; cgroupsPath?: string };
  mounts: { destination: string; type: string; source: string; options?: string[] }[];
  [key: string]: unknown;
}

function specOf(args: string[]): Spec {
  return {
    ociVersion: "1.0.2",
    process: { terminal: false, user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin"], cwd: "/" },
    root: { path: "rootfs" },
    hostname: "test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
    },
  };
}

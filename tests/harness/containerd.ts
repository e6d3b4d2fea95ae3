/** Debian's containerd, private to a test: the one that ours is compared with. */
import { type CommandOptions, type Output, run } from "./command.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

export class Containerd implements AsyncDisposable {
  readonly address: string;
  readonly #scratch: Scratch;
  readonly #env: Record<string, string>;
  #server: Server | undefined;

  private constructor(scratch: Scratch, env: Record<string, string>) {
    this.#scratch = scratch;
    this.#env = env;
    this.address = scratch.join("containerd.sock");
  }

  /**
   * `prepare` is done with its directory before it starts: its root will be `root` in there. `more`: what its
   * configuration file ends with.
   */
  static async start(
    where: "disk" | "shm" = "disk",
    env: Record<string, string> = {},
    prepare?: (dir: string) => Promise<void>,
    more = "",
  ): Promise<Containerd> {
    const scratch = await Scratch.make(where);
    await prepare?.(scratch.path);
    await Deno.writeTextFile(scratch.join("config.toml"), config(scratch.path) + more);
    const containerd = new Containerd(scratch, env);
    await containerd.#start();
    return containerd;
  }

  async #start(): Promise<void> {
    this.#server = await Server.start({
      command: "containerd",
      args: ["--config", this.#scratch.join("config.toml"), "--address", this.address],
      env: this.#env,
      log: this.#scratch.join("containerd.log"),
      ready: (log) => log.includes("containerd successfully booted"),
    });
  }

  /** kill -9, and a start: its containers and shims go on. */
  async crash(): Promise<void> {
    await this.#server?.stop("SIGKILL");
    this.#server = undefined;
    // The new one is ready when it says so itself.
    await Deno.remove(this.#scratch.join("containerd.log"));
    await this.#start();
  }

  get pid(): number {
    return this.#server!.pid;
  }

  get state(): string {
    return this.#scratch.join("state");
  }

  get root(): string {
    return this.#scratch.join("root");
  }

  log(): string {
    return this.#server!.log();
  }

  /** Runs Go's ctr against it. */
  ctr(args: string[], options?: CommandOptions): Promise<Output> {
    return goCtr(this.address, args, options);
  }

  /** Ends its containers, then itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeAll((args) => this.ctr(args));
    await this.#server?.stop();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** Starts one. */
export const startContainerd: typeof Containerd.start = (...args) => Containerd.start(...args);

/** Runs Go's ctr (Debian's) against the daemon at an address. */
export function goCtr(address: string, args: string[], options?: CommandOptions): Promise<Output> {
  return run("/usr/bin/ctr", ["--address", address, ...args], options);
}

/** Ends and removes every task and container that a ctr sees, in every namespace. */
export async function removeAll(ctr: (args: string[]) => Promise<Output>): Promise<void> {
  const words = (output: Output) => output.stdout.split(/\s+/).filter((word) => word);
  for (const namespace of words(await ctr(["namespaces", "ls", "-q"]))) {
    for (const id of words(await ctr(["-n", namespace, "tasks", "ls", "-q"]))) {
      await ctr(["-n", namespace, "tasks", "rm", "-f", id]);
    }
    for (const id of words(await ctr(["-n", namespace, "containers", "ls", "-q"]))) {
      await ctr(["-n", namespace, "containers", "rm", id]);
    }
  }
}

const config = (dir: string) => `
version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.opt"]
`;

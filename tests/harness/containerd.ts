/** Debian's containerd, private to a test: the one that ours is compared with. */
import { type CommandOptions, type Output, run } from "./command.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

export class Containerd implements AsyncDisposable {
  readonly address: string;
  readonly #scratch: Scratch;
  readonly #server: Server;

  private constructor(scratch: Scratch, server: Server) {
    this.#scratch = scratch;
    this.#server = server;
    this.address = scratch.join("containerd.sock");
  }

  static async start(where: "disk" | "shm" = "disk"): Promise<Containerd> {
    const scratch = await Scratch.make(where);
    const address = scratch.join("containerd.sock");
    await Deno.writeTextFile(scratch.join("config.toml"), config(scratch.path));
    const server = await Server.start({
      command: "containerd",
      args: ["--config", scratch.join("config.toml"), "--address", address],
      log: scratch.join("containerd.log"),
      ready: (log) => log.includes("containerd successfully booted"),
    });
    return new Containerd(scratch, server);
  }

  get pid(): number {
    return this.#server.pid;
  }

  get root(): string {
    return this.#scratch.join("root");
  }

  log(): string {
    return this.#server.log();
  }

  /** Runs Go's ctr against it. */
  ctr(args: string[], options?: CommandOptions): Promise<Output> {
    return goCtr(this.address, args, options);
  }

  /** Ends its containers, then itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeAll((args) => this.ctr(args));
    await this.#server.stop();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** Starts one. */
export const startContainerd = (where?: "disk" | "shm") => Containerd.start(where);

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

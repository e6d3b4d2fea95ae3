/** Our daemon, private to a test: the built `dist/ctr`, started as a user would start it. */
import { type CommandOptions, type Output, run } from "./command.ts";
import { goCtr, removeAll } from "./containerd.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

/** The built program. */
export const ctrPath: string = new URL("../../dist/ctr", import.meta.url).pathname;

export interface LongshoreOptions {
  where?: "disk" | "shm";
  /** Text of its configuration file. */
  config?: string;
  /** Environment added to the daemon's. */
  env?: Record<string, string>;
  /** A network namespace (`ip netns`) for it and our ctr, in place of the host's. */
  netns?: string;
  /** Done with its directory before it starts, which holds nothing yet: its root will be `root` in there. */
  prepare?: (dir: string) => Promise<void>;
}

export class Longshore implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #options: LongshoreOptions;
  #server: Server | undefined;

  private constructor(scratch: Scratch, options: LongshoreOptions) {
    this.#scratch = scratch;
    this.#options = options;
  }

  static async start(options: LongshoreOptions = {}): Promise<Longshore> {
    const scratch = await Scratch.make(options.where);
    const daemon = new Longshore(scratch, options);
    await Deno.writeTextFile(scratch.join("config.toml"), options.config ?? "");
    try {
      await options.prepare?.(scratch.path);
      await daemon.restart();
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
    return daemon;
  }

  get address(): string {
    return this.#scratch.join("state", "longshore.sock");
  }

  get root(): string {
    return this.#scratch.join("root");
  }

  get state(): string {
    return this.#scratch.join("state");
  }

  get pid(): number {
    return this.#server!.pid;
  }

  log(): string {
    return this.#server!.log();
  }

  /** Runs our ctr against it. */
  ctr(args: string[], options?: CommandOptions): Promise<Output> {
    const [command, ...rest] = this.#within([ctrPath, "--address", this.address, ...args]);
    return run(command!, rest, options);
  }

  /** A command line in its network namespace. */
  #within(words: string[]): string[] {
    const { netns } = this.#options;
    return netns ? ["nsenter", `--net=/run/netns/${netns}`, ...words] : words;
  }

  /** Runs Go's ctr against it. */
  goCtr(args: string[], options?: CommandOptions): Promise<Output> {
    return goCtr(this.address, args, options);
  }

  /** kill -9: what a crash does. Containers and the shim go on. */
  async crash(): Promise<void> {
    await this.#server?.stop("SIGKILL");
    this.#server = undefined;
  }

  /** Starts the daemon, ending the running one first (orderly). */
  async restart(): Promise<void> {
    await this.#server?.stop();
    const places = ["--root", this.root, "--state", this.state, "--address", this.address];
    const config = ["--config", this.#scratch.join("config.toml")];
    const [command, ...args] = this.#within([ctrPath, "daemon", ...places, ...config]);
    this.#server = await Server.start({
      command: command!,
      args,
      env: this.#options.env,
      log: this.#scratch.join("daemon.log"),
      ready: () => canConnect(this.address + ".ttrpc"),
    });
  }

  /** Starts it again if it has died. */
  async revive(): Promise<void> {
    if (this.#server && !this.#server.runs) await this.restart();
  }

  /** Ends its containers, itself and its shim. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server) await this.restart();
    await removeAll((args) => this.goCtr(args));
    await this.#server?.stop();
    await this.#endShims();
    await this.#scratch[Symbol.asyncDispose]();
  }

  /** A shim outlives its daemon by design; its command line names our state directory. */
  async #endShims(): Promise<void> {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const commandLine = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      if (commandLine.split("\0").includes("shim") && commandLine.includes(this.state)) {
        Deno.kill(Number(name), "SIGKILL");
        await ended(Number(name));
      }
    }
  }
}

/** Waits for a process's end; not for ever, for whoever looks for leaks is to find it. */
async function ended(pid: number): Promise<void> {
  for (let n = 0; n < 200; n++) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
    if (!status || /^State:\s+Z/m.test(status)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Starts one. */
export const startLongshore = (options?: LongshoreOptions) => Longshore.start(options);

async function canConnect(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch {
    return false;
  }
}

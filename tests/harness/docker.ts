/** Docker on a containerd or on ours, private to a test: the one that scripts/setup has got. */
import { type CommandOptions, must, type Output, run } from "./command.ts";
import { cgroupRoots } from "./leaks.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

const dir = new URL("../../dist/tools/docker/usr", import.meta.url).pathname;
const path = `${dir}/sbin:${dir}/bin:${Deno.env.get("PATH")}`;

/** False, and said loudly, where there is none. */
export function haveDocker(): boolean {
  try {
    const { success } = new Deno.Command(`${dir}/sbin/dockerd`, { args: ["--version"], stdout: "null" })
      .outputSync();
    if (success) return true;
  } catch {
    // Not there.
  }
  console.error("NO DOCKER: the tests of it are skipped (see scripts/setup_docker)");
  return false;
}

export interface DockerOptions {
  /** Whose images it uses: those it keeps itself, or the containerd's. */
  images: "docker" | "containerd";
  /** A network namespace (`ip netns`) where it makes networks; without one it makes none. */
  netns?: string;
}

/** Nothing of the host's network is changed. */
const noNetwork = { bridge: "none", iptables: "false", ip6tables: "false", "ip-forward": "false" };

export class Docker implements AsyncDisposable {
  /** Where its containers are below each cgroup hierarchy. */
  readonly cgroup: string = `docker-${crypto.randomUUID()}`;
  readonly #scratch: Scratch;
  readonly #address: string;
  readonly #netns: string | undefined;
  #server: Server | undefined;

  private constructor(scratch: Scratch, address: string, netns?: string) {
    this.#scratch = scratch;
    this.#address = address;
    this.#netns = netns;
  }

  /** Starts one on the containerd at `address`. */
  static async start(address: string, { images, netns }: DockerOptions): Promise<Docker> {
    const scratch = await Scratch.make("shm");
    const docker = new Docker(scratch, address, netns);
    try {
      await Deno.mkdir(scratch.join("client", "cli-plugins"), { recursive: true });
      await Deno.symlink(
        `${dir}/libexec/docker/cli-plugins/docker-buildx`,
        scratch.join("client", "cli-plugins", "docker-buildx"),
      );
      const features = { "containerd-snapshotter": images === "containerd" };
      const config = { features, experimental: true, "live-restore": true };
      await Deno.writeTextFile(scratch.join("daemon.json"), JSON.stringify(config));
      await docker.#start();
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
    return docker;
  }

  async #start(): Promise<void> {
    const at = (name: string) => this.#scratch.join(name);
    const places = { "data-root": at("root"), "exec-root": at("exec"), pidfile: at("pid") };
    const others = { containerd: this.#address, host: this.#host, "config-file": at("daemon.json") };
    const network = this.#netns ? {} : noNetwork;
    const flags = { ...places, ...others, ...network, "cgroup-parent": `/${this.cgroup}` };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#server = await Server.start({
      command: "nsenter",
      args: [`--net=${this.#netns ? `/run/netns/${this.#netns}` : "/proc/self/ns/net"}`, "dockerd", ...args],
      env: { PATH: path },
      log: at("log"),
      ready: (log) => log.includes("API listen on"),
    });
  }

  get #host(): string {
    return `unix://${this.#scratch.join("docker.sock")}`;
  }

  /** kill -9, and a start. */
  async crash(): Promise<void> {
    await this.#server?.stop("SIGKILL");
    this.#server = undefined;
    await Promise.all(["log", "pid"].map((name) => Deno.remove(this.#scratch.join(name))));
    await this.#start();
  }

  /** The command line of `docker` for it. */
  words(...args: string[]): [string, ...string[]] {
    return [`${dir}/bin/docker`, "--host", this.#host, "--config", this.#scratch.join("client"), ...args];
  }

  /** Runs `docker`. */
  run(args: string[], options?: CommandOptions): Promise<Output> {
    const [command, ...words] = this.words(...args);
    return run(command, words, options);
  }

  /** Runs `docker`, which must succeed; gives its output without the last line's end. */
  async must(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${code}\n${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  /** Makes the image `name` of a directory. */
  async importDir(source: string, name: string): Promise<void> {
    const archive = this.#scratch.join("import.tar");
    await must("tar", ["-C", source, "-cf", archive, "."]);
    await this.must("import", archive, name);
    await Deno.remove(archive);
  }

  /** Ends its containers, then itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server?.runs) {
      const ids = (await this.run(["ps", "-aq"])).stdout.split("\n").filter(Boolean);
      if (ids.length) await this.run(["rm", "-f", ...ids]);
    }
    await this.#server?.stop();
    // BuildKit leaves its own.
    for (const cgroup of cgroupRoots(this.cgroup)) {
      for (const dir of [`${cgroup}/buildkit`, cgroup]) await Deno.remove(dir).catch(() => {});
    }
    await this.#scratch[Symbol.asyncDispose]();
  }
}

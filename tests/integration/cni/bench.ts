/** A daemon in a network namespace of its own, with Debian's CNI plugins and some of the test's. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type CommandOptions,
  type Longshore,
  must,
  type Output,
  run,
  Scratch,
  startLongshore,
} from "../../harness/mod.ts";

/** Where Debian has them. */
const debian = "/usr/lib/cni";
export const image = "docker.io/library/busybox:cni";

export class Bench implements AsyncDisposable {
  readonly scratch: Scratch;
  readonly netns: string;
  readonly daemon: Longshore;
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, scratch: Scratch, netns: string, daemon: Longshore) {
    this.#stack = stack;
    this.scratch = scratch;
    this.netns = netns;
    this.daemon = daemon;
  }

  static async start(): Promise<Bench> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make("shm"));
    const netns = `longshore-${crypto.randomUUID().slice(0, 8)}`;
    await must("ip", ["netns", "add", netns]);
    stack.defer(async () => void await must("ip", ["netns", "del", netns]));
    await must("ip", ["-n", netns, "link", "set", "lo", "up"]);
    const prepare = (dir: string) => Deno.chmod(dir, 0o711);
    const daemon = stack.use(await startLongshore({ where: "shm", netns, prepare }));
    for (const dir of ["conf", "plugins", "cache", "addresses"]) await Deno.mkdir(scratch.join(dir));
    const layout = await busyboxImage(scratch);
    const archive = scratch.join("busybox.tar");
    const [from, to] = [`oci:${layout.path}:${layout.tag}`, `docker-archive:${archive}:${image}`];
    await must("skopeo", ["copy", "--quiet", from, to]);
    const imported = await daemon.ctr(["images", "import", archive]);
    assert.equal(imported.code, 0, imported.stderr);
    return new Bench(stack.move(), scratch, netns, daemon);
  }

  /** Runs our ctr in the namespace, with the test's directories. */
  ctr(args: string[], options: CommandOptions = {}): Promise<Output> {
    const env = {
      NETCONFPATH: this.scratch.join("conf"),
      CNI_PATH: `${this.scratch.join("plugins")}:${debian}`,
      CNI_CACHE: this.scratch.join("cache"),
    };
    return this.daemon.ctr(args, { ...options, env: { ...env, ...options.env } });
  }

  /** As {@linkcode ctr}; gives what it prints, which must succeed. */
  async must(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ctr(args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Makes the configuration that containers get: the bridge with a subnet of 10.88.N.0/24, and plugins after it. */
  async configure(cniVersion: string, ...after: Record<string, unknown>[]): Promise<void> {
    const dataDir = this.scratch.join("addresses");
    const ipam = {
      type: "host-local",
      dataDir,
      ranges: [[{ subnet: "10.88.7.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const bridge = { type: "bridge", bridge: "cni-test", isGateway: true, ipMasq: true, ipam };
    await this.write({ cniVersion, name: "testnet", plugins: [bridge, ...after] });
  }

  async write(config: unknown): Promise<void> {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await Deno.writeTextFile(this.scratch.join("conf", "10-test.conflist"), text);
  }

  /** A plugin of the test's own: a shell script. */
  async plugin(name: string, script: string): Promise<void> {
    const path = this.scratch.join("plugins", name);
    await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(path, 0o755);
  }

  /** What there is of networks now: addresses given, records, interfaces of the host's side, rules, tasks. */
  async left(): Promise<string[]> {
    const names = async (dir: string) => {
      const entries = await Array.fromAsync(Deno.readDir(dir)).catch(() => []);
      return entries.map(({ name }) => name).filter((name) => !/^(last_reserved|lock)/.test(name));
    };
    const links = await must("ip", ["-n", this.netns, "-o", "link", "show", "type", "veth"]);
    const tasks = await this.must("tasks", "ls", "-q");
    const rules = (await this.within("iptables-save")).stdout;
    return [
      ...await names(this.scratch.join("addresses", "testnet")),
      ...await names(this.scratch.join("cache", "results")),
      ...await names(this.scratch.join("cache", "netns")),
      ...rules.split("\n").filter((line) => /^-A CNI-(?!HOSTPORT)/.test(line)),
      ...[links, tasks].flatMap((text) => text.split("\n").filter((line) => line)),
    ];
  }

  /** Runs a program in the namespace. */
  within(...words: string[]): Promise<Output> {
    return run("ip", ["netns", "exec", this.netns, ...words]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

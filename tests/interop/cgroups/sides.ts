/** Debian's containerd and our daemon, both with metrics, both running busybox from a directory. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import {
  busyboxRootfs,
  type CommandOptions,
  Containerd,
  type Longshore,
  Scratch,
  startContainerd,
  startLongshore,
} from "../../harness/mod.ts";
import { cgroupRoots } from "../../harness/leaks.ts";

export class Sides implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;

  private constructor(
    stack: AsyncDisposableStack,
    readonly theirs: Side,
    readonly ours: Side,
  ) {
    this.#stack = stack;
  }

  static async start(): Promise<Sides> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make("shm"));
    const rootfs = scratch.join("rootfs");
    await busyboxRootfs(rootfs);
    const port = freePort();
    const metrics = (address: string) => `[metrics]\naddress = "${address}"\n`;
    const theirs = stack.use(await startContainerd("shm", {}, undefined, metrics(`127.0.0.1:${port}`)));
    const ours = stack.use(await startLongshore({ where: "shm", config: metrics("127.0.0.1:0") }));
    const id = crypto.randomUUID().slice(0, 8);
    const side = (daemon: Containerd | Longshore, letter: string, address: () => string) =>
      new Side(daemon, `cgroups-${letter}-${id}`, rootfs, address);
    return new Sides(
      stack.move(),
      side(theirs, "a", () => `127.0.0.1:${port}`),
      side(ours, "b", () => /msg=metrics address=(\S+)/.exec(ours.log())![1]!),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
    // runc leaves the cgroup above a container's.
    for (const { namespace } of [this.theirs, this.ours]) {
      for (const dir of cgroupRoots(namespace)) await Deno.remove(dir).catch(() => {});
    }
  }
}

/** Nobody uses it now, and for containerd to say which it took there is no way. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** One daemon, in a namespace of the test's own: it names cgroups. */
export class Side {
  constructor(
    readonly daemon: Containerd | Longshore,
    readonly namespace: string,
    readonly rootfs: string,
    readonly metricsAddress: () => string,
  ) {}

  /** Runs Go's ctr, which must succeed. */
  async ctr(args: string[], options?: CommandOptions): Promise<string> {
    const { code, stdout, stderr } = await this.tryCtr(args, options);
    assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  tryCtr(args: string[], options?: CommandOptions) {
    const daemon = this.daemon;
    const all = ["-n", this.namespace, ...args];
    return daemon instanceof Containerd ? daemon.ctr(all, options) : daemon.goCtr(all, options);
  }

  /** Starts a container in the background. */
  async run(id: string, flags: string[], ...command: string[]): Promise<void> {
    const env = ["--env", "PATH=/bin"];
    await this.ctr(["run", "-d", "--null-io", ...env, ...flags, "--rootfs", this.rootfs, id, ...command]);
  }

  connect(): Promise<Client> {
    return Client.connect(this.daemon.address, { namespace: this.namespace });
  }

  async scrape(): Promise<string> {
    const answer = await fetch(`http://${this.metricsAddress()}/v1/metrics`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4; charset=utf-8/);
    return await answer.text();
  }
}

export async function until<T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> {
  for (let n = 0; n < 400; n++) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

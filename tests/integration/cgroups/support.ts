/** A daemon that runs busybox from a directory, in a namespace of the test's own: it names cgroups. */
import assert from "node:assert/strict";
import {
  busyboxRootfs,
  type CommandOptions,
  type Longshore,
  Scratch,
  startLongshore,
} from "../../harness/mod.ts";
import { cgroupRoots, findLeaks } from "../../harness/leaks.ts";

export interface Given {
  readonly daemon: Longshore;
  readonly namespace: string;
  readonly scratch: Scratch;
  /** Runs our ctr, which must succeed. */
  ok(args: string[], options?: CommandOptions): Promise<string>;
  /** Runs our ctr, which must fail; what it says. */
  fails(args: string[]): Promise<string>;
  /** Starts a container in the background; its pid. */
  run(id: string, flags: string[], ...command: string[]): Promise<number>;
  pidOf(id: string): Promise<number>;
}

/** Afterwards nothing of its containers may be left. */
export async function withDaemon(test: (given: Given) => Promise<void>, config = ""): Promise<void> {
  await using scratch = await Scratch.make("shm");
  const rootfs = scratch.join("rootfs");
  await busyboxRootfs(rootfs);
  const namespace = `cgroups-${crypto.randomUUID().slice(0, 8)}`;
  let state: string;
  {
    await using daemon = await startLongshore({ where: "shm", config });
    state = daemon.state;
    const ctr = (args: string[], options?: CommandOptions) => daemon.ctr(["-n", namespace, ...args], options);
    const ok: Given["ok"] = async (args, options) => {
      const { code, stdout, stderr } = await ctr(args, options);
      assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    const fails: Given["fails"] = async (args) => {
      const { code, stdout, stderr } = await ctr(args);
      assert.equal(code, 1, `ctr ${args.join(" ")}: ${stdout}${stderr}`);
      return stderr;
    };
    const pidOf: Given["pidOf"] = async (id) => {
      const line = (await ok(["tasks", "ls"])).split("\n").find((line) => line.startsWith(`${id} `));
      return Number(line?.trim().split(/\s+/)[1]);
    };
    const run: Given["run"] = async (id, flags, ...command) => {
      const all = ["--null-io", "--env", "PATH=/bin", ...flags, "--rootfs", rootfs, id, ...command];
      await ok(["run", "-d", ...all]);
      return await pidOf(id);
    };
    await test({ daemon, namespace, scratch, ok, fails, run, pidOf });
  }
  assert.deepEqual(await findLeaks({ path: state, cgroup: namespace }), []);
  await removeCgroups(namespace);
}

/** runc leaves the cgroup above a container's. */
export async function removeCgroups(namespace: string): Promise<void> {
  for (const dir of cgroupRoots(namespace)) await Deno.remove(dir).catch(() => {});
}

export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

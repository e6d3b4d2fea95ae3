/** Our executable as a shim of Debian's containerd: `ctr run --runtime io.containerd.longshore.v2`. */
import assert from "node:assert/strict";
import { Options } from "../../../lib/api/types/runc/options/oci.ts";
import { anyJson, anyOf } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { Client } from "../../../mod.ts";
import type { Containerd } from "../../harness/mod.ts";
import { shimsOf, withContainerd } from "./under_containerd.ts";

// Without an image there is no PATH.
const runtime = ["--runtime", "io.containerd.longshore.v2", "--env", "PATH=/bin"];

/** Beside containerd's socket. */
const runcState = ({ address }: Containerd) => address.replace(/[^/]*$/, "longshore-shim/runc");

async function ok(containerd: Containerd, args: string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await containerd.ctr(args, { stdin });
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function pidOf(containerd: Containerd, id: string, namespace = "default"): Promise<number | undefined> {
  const table = await ok(containerd, ["-n", namespace, "tasks", "ls"]);
  const line = table.split("\n").find((line) => line.startsWith(`${id} `));
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[1]);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

const isGone = async (pid: number) =>
  /^State:\s+Z/m.test(await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "State: Z"));

/** With what is left in it; a process that has just ended holds it a moment longer. */
async function removeCgroup(dir: string): Promise<void> {
  for (const pid of (await Deno.readTextFile(`${dir}/cgroup.procs`)).split("\n").filter(Boolean)) {
    try {
      Deno.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  await until(`${dir} can be removed`, () => Deno.remove(dir).then(() => true, () => false));
}

const quiet = ["--null-io", "-d"];

Deno.test("containerd runs containers by our shim: input, output, code", () =>
  withContainerd(async (containerd, rootfs) => {
    const script = "echo out; echo err >&2; exit 7";
    const args = ["run", "--rm", ...runtime, "--rootfs", rootfs, "one", "sh", "-c", script];
    const { code, stdout, stderr } = await containerd.ctr(args);
    assert.deepEqual([code, stdout, stderr], [7, "out\n", "err\n"]);
    const missing = await containerd.ctr(["run", "--rm", ...runtime, "--rootfs", rootfs, "two", "nosuch"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /exec: "nosuch": executable file not found/);
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(`${runcState(containerd)}/default`)),
      [],
    );
  }));

Deno.test("one process of ours serves all containers of a containerd, of all its namespaces", () =>
  withContainerd(async (containerd, rootfs) => {
    const run = (namespace: string, id: string) => {
      const args = ["run", ...quiet, ...runtime, "--rootfs", rootfs, id, "sleep", "1000"];
      return ok(containerd, ["-n", namespace, ...args]);
    };
    const many = Array.from({ length: 17 }, (_, n) => `m${n}`);
    await Promise.all([run("default", "a"), run("default", "b"), run("other", "a")]);
    await Promise.all(many.map((id) => run("default", id)));
    assert.equal((await ok(containerd, ["tasks", "ls"])).match(/RUNNING/g)?.length, 19);
    assert.equal((await shimsOf(containerd)).length, 1);
    const said = await ok(containerd, ["-n", "other", "tasks", "exec", "--exec-id", "e", "a", "echo", "hi"]);
    assert.equal(said, "hi\n");
    await ok(containerd, ["-n", "other", "tasks", "kill", "-s", "SIGKILL", "a"]);
    await until(
      "the one that was killed has ended",
      async () => /STOPPED/.test(await ok(containerd, ["-n", "other", "tasks", "ls"])),
    );
    await ok(containerd, ["-n", "other", "tasks", "rm", "a"]).catch(() => {});
    assert.ok(await pidOf(containerd, "a"), "its namesake runs on");
    await Promise.all(["a", "b", ...many].map((id) => ok(containerd, ["tasks", "rm", "-f", id])));
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(`${runcState(containerd)}/default`)),
      [],
    );
  }));

Deno.test("containers of our shim outlive containerd's crash; an exit meanwhile is told with its code", () =>
  withContainerd(async (containerd, rootfs) => {
    const start = (id: string, ...command: string[]) =>
      ok(containerd, ["run", ...quiet, ...runtime, "--rootfs", rootfs, id, ...command]);
    await start("stays", "sleep", "1000");
    await start("goes", "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done");
    const [stays, goes] = [await pidOf(containerd, "stays"), (await pidOf(containerd, "goes"))!];
    const crashed = containerd.crash();
    Deno.kill(goes, "SIGTERM");
    await crashed;
    assert.equal(await pidOf(containerd, "stays"), stays);
    await until(
      "the exit is known",
      async () => /goes .*STOPPED/.test(await ok(containerd, ["tasks", "ls"])),
    );
    await using client = await Client.connect(containerd.address, { namespace: "default" });
    assert.equal((await (await client.container("goes").task()).wait()).code, 5);
    await ok(containerd, ["tasks", "rm", "goes"]);
    await ok(containerd, ["run", "--rm", ...runtime, "--rootfs", rootfs, "more", "true"]);
  }));

Deno.test("when our shim is killed containerd ends its containers, and the next one starts another", () =>
  withContainerd(async (containerd, rootfs) => {
    const start = () =>
      ok(containerd, ["run", ...quiet, ...runtime, "--rootfs", rootfs, "victim", "sleep", "1000"]);
    await start();
    const pid = (await pidOf(containerd, "victim"))!;
    const [shim] = await shimsOf(containerd);
    Deno.kill(shim!, "SIGKILL");
    await until("the task is gone", async () => await pidOf(containerd, "victim") === undefined);
    await until("the process is gone", () => isGone(pid));
    const bundle = `${containerd.state}/io.containerd.runtime.v2.task/default/victim`;
    await until("its bundle is gone", () => Deno.lstat(bundle).then(() => false, () => true));
    await ok(containerd, ["containers", "rm", "victim"]);
    await start();
    assert.notEqual((await shimsOf(containerd))[0], shim);
    await ok(containerd, ["tasks", "rm", "-f", "victim"]);
  }));

Deno.test("containerd gets metrics, new limits and news of kills from our shim", () =>
  withContainerd(async (containerd, rootfs) => {
    const limit = ["--memory-limit", String(8 << 20)];
    await ok(containerd, ["run", ...quiet, ...limit, ...runtime, "--rootfs", rootfs, "web", "sleep", "1000"]);
    assert.match(await ok(containerd, ["tasks", "metrics", "web"]), /memory\.limit_in_bytes +8388608/);
    await using client = await Client.connect(containerd.address);
    await (await client.container("web").task()).update({ pids: { limit: 77 } });
    assert.match(await ok(containerd, ["tasks", "metrics", "web"]), /pids\.limit +77/);
    const abort = new AbortController();
    const heard = (async () => {
      const filters = ['topic=="/tasks/oom"'];
      const { signal } = abort;
      for await (const { event } of client.services.events.subscribe({ filters }, { signal })) return event;
    })();
    await until("the kill is told", async () => {
      await containerd.ctr(["tasks", "exec", "--exec-id", "e", "web", "tail", "/dev/zero"]);
      const event = await Promise.race([
        heard,
        new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 200)),
      ]);
      return event?.typeUrl === "containerd.events.TaskOOM";
    });
    abort.abort();
  }));

Deno.test("a container whose options name a cgroup gets a shim of its own there; containerd hears of its life in order", () =>
  withContainerd(async (containerd, rootfs) => {
    const name = `longshore-shim-${crypto.randomUUID().slice(0, 8)}`;
    const mounts = (await Deno.readTextFile("/proc/self/mounts")).split("\n").map((line) => line.split(" "));
    const version1 = ["memory", "pids"].map((controller) => `/sys/fs/cgroup/${controller}`);
    const dirs = mounts.filter(([, root, type]) =>
      type === "cgroup2" || type === "cgroup" && version1.includes(root!)
    ).map(([, root]) => `${root}/${name}`);
    for (const dir of dirs) await Deno.mkdir(dir);
    try {
      await ok(containerd, ["run", ...quiet, ...runtime, "--rootfs", rootfs, "common", "sleep", "1000"]);
      const [common] = await shimsOf(containerd);
      await using client = await Client.connect(containerd.address, { namespace: "default" });
      const { containers, tasks } = client.services;
      const model = (await containers.get({ id: "common" })).container!;
      const spec = JSON.parse(new TextDecoder().decode(model.spec!.value));
      spec.linux.cgroupsPath = `/default/${name}`;
      spec.process.args = ["sh", "-c", "exit 3"];
      const options = anyOf(
        "containerd.runc.v1.Options",
        Options,
        complete(Options, { shimCgroup: `/${name}` }),
      );
      await containers.create({
        container: {
          ...model,
          id: "own",
          runtime: { name: "io.containerd.longshore.v2", options },
          spec: anyJson(model.spec!.typeUrl, spec),
        },
      });
      const heard: string[] = [];
      const end = new AbortController();
      const listening = (async () => {
        for await (const { topic } of client.events([], { signal: end.signal })) heard.push(topic);
      })().catch(() => {});
      // Whoever listens is served once an event of his own has come.
      await until("somebody listens", async () => {
        await client.services.namespaces.update({
          namespace: { name: "default", labels: { n: String(Math.random()) } },
        });
        return heard.length > 0;
      });
      heard.length = 0;
      await tasks.create({ containerId: "own", options });
      const own = (await shimsOf(containerd)).find((pid) => pid !== common)!;
      for (const dir of dirs) {
        assert.equal((await Deno.readTextFile(`${dir}/cgroup.procs`)).trim(), String(own));
      }
      await tasks.start({ containerId: "own" });
      assert.equal((await tasks.wait({ containerId: "own" })).exitStatus, 3);
      await tasks.delete({ containerId: "own" });
      await until("all is told", () => Promise.resolve(heard.includes("/tasks/delete")));
      const order = ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"];
      assert.deepEqual(heard.filter((topic) => topic.startsWith("/tasks/")), order);
      end.abort();
      await listening;
      await ok(containerd, ["tasks", "rm", "-f", "common"]);
      Deno.kill(own, "SIGKILL");
      await until("the shim is gone", () => isGone(own));
    } finally {
      for (const dir of dirs) await removeCgroup(dir);
    }
  }));

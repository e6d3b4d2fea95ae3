/** Shims of others behind our daemon: Debian's containerd-shim-runc-v2. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

const shim = "/usr/bin/containerd-shim-runc-v2";
const namespace = "shims";

async function withDaemon(test: (daemon: Longshore, image: string) => Promise<void>): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  await ok(daemon, ["images", "pull", image]);
  await test(daemon, image);
}

const ctr = (daemon: Longshore, args: string[], options?: Parameters<Longshore["ctr"]>[1]) =>
  daemon.ctr(["-n", namespace, ...args], options);

async function ok(daemon: Longshore, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ctr(daemon, args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** With runc's state beside the daemon's; this shim has it below /run/containerd otherwise. */
const run = (
  { state }: Longshore,
  image: string,
  id: string,
  ...command: string[]
) => ["--runtime", shim, "--runc-root", `${state}/runc`, image, id, ...command];

async function taskOf(daemon: Longshore, id: string): Promise<{ pid: number; status: string } | undefined> {
  const line = (await ok(daemon, ["tasks", "ls"])).split("\n").find((line) => line.startsWith(id));
  const [, pid, status] = line?.trim().split(/\s+/) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), status: status! };
}

/** The shim's process: the parent of the container's. */
async function shimOf(pid: number): Promise<number> {
  return Number(/^PPid:\s+(\d+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]);
}

async function gone(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return status === "" || /^State:\s+Z/m.test(status);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

Deno.test("Debian's shim runs containers under our daemon: output, code, exec, kill, and its own end", () =>
  withDaemon(async (daemon, image) => {
    const script = "cat; echo out; echo err >&2; exit 7";
    const { code, stdout, stderr } = await ctr(
      daemon,
      ["run", "--rm", ...run(daemon, image, "first", "sh", "-c", script)],
      { stdin: "in\n" },
    );
    assert.deepEqual([code, stdout, stderr], [7, "in\nout\n", "err\n"]);
    await ok(daemon, ["run", "-d", ...run(daemon, image, "second", "sleep", "1000")]);
    const { pid, status } = (await taskOf(daemon, "second"))!;
    assert.equal(status, "RUNNING");
    const server = await shimOf(pid);
    assert.match(await Deno.readTextFile(`/proc/${server}/cmdline`), /containerd-shim-runc-v2/);
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "second", "echo", "hi"]), "hi\n");
    await ok(daemon, ["tasks", "kill", "-s", "SIGKILL", "second"]);
    assert.equal(await ok(daemon, ["tasks", "wait", "second"]), "137\n");
    await ok(daemon, ["tasks", "rm", "second"]);
    await ok(daemon, ["containers", "rm", "second"]);
    await until("the shim has ended", () => gone(server));
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${daemon.state}/tasks/${namespace}`)), []);
  }));

Deno.test("a container behind another's shim outlives our daemon's crash; its exit meanwhile is told", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, ["run", "-d", ...run(daemon, image, "third", "sleep", "1000")]);
    const before = (await taskOf(daemon, "third"))!;
    await daemon.crash();
    await daemon.restart();
    assert.deepEqual(await taskOf(daemon, "third"), before);
    await daemon.crash();
    Deno.kill(before.pid, "SIGTERM");
    Deno.kill(before.pid, "SIGKILL");
    await daemon.restart();
    assert.equal(await ok(daemon, ["tasks", "wait", "third"]), "137\n");
    await ok(daemon, ["tasks", "rm", "third"]);
    await ok(daemon, ["containers", "rm", "third"]);
  }));

Deno.test("the task of a shim that is killed is told as ended, cleaned up, and its container starts again", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, ["run", "-d", ...run(daemon, image, "fourth", "sleep", "1000")]);
    const { pid } = (await taskOf(daemon, "fourth"))!;
    Deno.kill(await shimOf(pid), "SIGKILL");
    await until("the task is gone", async () => await taskOf(daemon, "fourth") === undefined);
    await until("its process is gone", () => gone(pid));
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${daemon.state}/tasks/${namespace}`)), []);
    await ok(daemon, ["tasks", "start", "-d", "fourth"]);
    assert.equal((await taskOf(daemon, "fourth"))!.status, "RUNNING");
    await ok(daemon, ["tasks", "rm", "-f", "fourth"]);
    await ok(daemon, ["containers", "rm", "fourth"]);
  }));

Deno.test("a shim that hangs hides no task from a list: its own is told with a status that nobody knows", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, ["run", "-d", ...run(daemon, image, "hung", "sleep", "1000")]);
    await ok(daemon, ["run", "-d", image, "well", "sleep", "1000"]);
    const hung = await shimOf((await taskOf(daemon, "hung"))!.pid);
    Deno.kill(hung, "SIGSTOP");
    try {
      assert.equal((await taskOf(daemon, "well"))!.status, "RUNNING");
      assert.deepEqual(await taskOf(daemon, "hung"), { pid: 0, status: "UNKNOWN" });
      assert.match(daemon.log(), /state of task hung: /);
    } finally {
      Deno.kill(hung, "SIGCONT");
    }
    assert.equal((await taskOf(daemon, "hung"))!.status, "RUNNING");
    await ok(daemon, ["rm", "-f", "hung", "well"]);
  }));

Deno.test("a shim that died while no daemon ran is found dead by the next one", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, ["run", "-d", ...run(daemon, image, "fifth", "sleep", "1000")]);
    const { pid } = (await taskOf(daemon, "fifth"))!;
    await daemon.crash();
    Deno.kill(await shimOf(pid), "SIGKILL");
    await daemon.restart();
    assert.equal(await taskOf(daemon, "fifth"), undefined);
    await until("its process is gone", () => gone(pid));
    await ok(daemon, ["containers", "rm", "fifth"]);
  }));

Deno.test("a runtime that isn't there, or is no name of one, is told by name", () =>
  withDaemon(async (daemon, image) => {
    const failed = async (runtime: string) => {
      const { code, stderr } = await ctr(daemon, [
        "run",
        "--rm",
        "--runtime",
        runtime,
        image,
        "sixth",
        "true",
      ]);
      assert.equal(code, 1);
      await ctr(daemon, ["containers", "rm", "sixth"]);
      return stderr;
    };
    assert.match(
      await failed("io.containerd.nosuch.v2"),
      /containerd-shim-nosuch-v2, which is not on .* PATH/,
    );
    assert.match(await failed("/nosuch/shim"), /runtime \/nosuch\/shim is not an executable file/);
    assert.match(await failed("nonsense"), /runtime "nonsense" is neither a name/);
    assert.match(await failed("/bin/false"), /\/bin\/false start: exit status 1/);
  }));

Deno.test("metrics, updates and kills for want of memory pass through Debian's shim", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, [
      "run",
      "-d",
      "--memory-limit",
      "8388608",
      ...run(daemon, image, "web", "sleep", "1000"),
    ]);
    await ok(daemon, ["run", "-d", image, "ours", "sleep", "1000"]);
    await ok(daemon, ["tasks", "update", "--pids-limit", "77", "web"]);
    const table = await ok(daemon, ["tasks", "metrics", "web"]);
    assert.match(table, /memory\.limit_in_bytes +8388608 /);
    assert.match(table, /pids\.limit +77 /);
    const { stderr } = await ctr(daemon, ["tasks", "update", "--memory-limit", "4096", "web"]);
    assert.match(stderr, /unable to set memory limit to 4096/);
    await ctr(daemon, ["tasks", "exec", "--exec-id", "e", "web", "tail", "/dev/zero"]);
    const json = JSON.parse(await ok(daemon, ["tasks", "metrics", "--format", "json", "web"]));
    assert.equal(json.memory_oom_control.oom_kill, 1);
    const rows = (await ok(daemon, ["stats", "--no-stream", "--format", "json"])).trim().split("\n");
    assert.deepEqual(rows.map((row) => JSON.parse(row).name), ["ours", "web"]);
    for (const id of ["web", "ours"]) await ok(daemon, ["rm", "-f", id]);
  }));

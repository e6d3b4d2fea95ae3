/** Many containers, and what may happen to those who look after them. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  must,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../harness/mod.ts";
import { cgroupRoots, findLeaks } from "../harness/leaks.ts";
import { Client, noIo } from "../../mod.ts";

/** A daemon with an image; afterwards nothing of its containers may be left. */
async function withDaemon(
  test: (daemon: Longshore, image: string, cgroup: string) => Promise<void>,
  prepare?: (dir: string) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  const cgroup = scratch.path.split("/").at(-1)!;
  let state = "";
  try {
    await using daemon = await startLongshore({ where: "shm", prepare });
    state = daemon.state;
    await ok(daemon, "images", "pull", image);
    await test(daemon, image, cgroup);
    assert.deepEqual(
      await findLeaks({ path: `${state}/tasks`, cgroup, state }),
      [],
    );
  } finally {
    for (const dir of cgroupRoots(cgroup)) await Deno.remove(dir).catch(() => {});
  }
}

async function ok(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 800; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 20 s: ${what}`);
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);

async function statuses(daemon: Longshore): Promise<Map<string, { pid: number; status: string }>> {
  const lines = (await ok(daemon, "tasks", "ls")).trim().split("\n").slice(1).map((line) =>
    line.split(/\s+/)
  );
  return new Map(lines.map(([id, pid, status]) => [id!, { pid: Number(pid), status: status! }]));
}

async function shimOf({ state }: Longshore): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(state)) return Number(name);
  }
  throw new Error("no shim runs");
}

Deno.test("kill -9 of the shim with 20 containers: they run on, the next one adopts them, exits are told as 255", () =>
  withDaemon(async (daemon, image, cgroup) => {
    for (const id of ids(20)) {
      await ok(daemon, "run", "-d", "--null-io", "--cgroup", `/${cgroup}/${id}`, image, id, "sleep", "1000");
    }
    const before = await statuses(daemon);
    assert.equal(before.size, 20);
    const shim = await shimOf(daemon);
    Deno.kill(shim, "SIGKILL");
    await until("another shim has them", async () => {
      const now = await statuses(daemon).catch(() => new Map());
      return now.size === 20 && [...now.values()].every(({ status }) => status === "RUNNING");
    });
    assert.deepEqual(await statuses(daemon), before, "the same processes run");
    assert.notEqual(await shimOf(daemon), shim);
    await ok(daemon, "tasks", "exec", "--exec-id", "e", "c7", "true");
    await ok(daemon, "tasks", "kill", "-s", "SIGKILL", "c0");
    assert.equal(
      await ok(daemon, "tasks", "wait", "c0"),
      "255\n",
      "whose parent died can't be asked for its code",
    );
    await ok(daemon, "rm", "-f", ...ids(20));
  }));

Deno.test("200 containers started at once all run and all end", () =>
  withDaemon(async (daemon, image, cgroup) => {
    await using client = await Client.connect(daemon.address, { namespace: "default" });
    const stored = await client.image(image);
    const codes = await Promise.all(
      ids(200).map(async (id, n) => {
        await using container = await client.newContainer(id, {
          image: stored,
          snapshot: id,
          spec: [({ process, linux }) => {
            process.args = ["sh", "-c", `exit ${n % 100}`];
            linux.cgroupsPath = `/${cgroup}/${id}`;
          }],
        });
        await using task = await container.newTask(noIo());
        const waiting = task.wait();
        await task.start();
        return (await waiting).code;
      }),
    );
    assert.deepEqual(codes, codes.map((_, n) => n % 100));
    assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
    assert.equal(await ok(daemon, "containers", "ls", "-q"), "");
  }));

Deno.test("clients that vanish while they wait leave nothing behind, and the exit is there for the next one", () =>
  withDaemon(async (daemon, image, cgroup) => {
    await ok(daemon, "run", "-d", "--cgroup", `/${cgroup}/w`, image, "w", "sleep", "1000");
    const open = async () => [...await Array.fromAsync(Deno.readDir(`/proc/${daemon.pid}/fd`))].length;
    const before = await open();
    for (let n = 0; n < 50; n++) {
      const client = await Client.connect(daemon.address, { namespace: "default" });
      const task = await client.container("w").task();
      task.wait().catch(() => {});
      await client[Symbol.asyncDispose]();
    }
    await until("their connections are gone", async () => await open() <= before + 2);
    await ok(daemon, "tasks", "kill", "-s", "SIGKILL", "w");
    assert.equal(await ok(daemon, "tasks", "wait", "w"), "137\n");
    await ok(daemon, "rm", "w");
  }));

Deno.test("a full disk of the daemon's state fails a container in one line, and leaves room for the next", () =>
  withDaemon(async (daemon, image, cgroup) => {
    const filler = `${daemon.state}/filler`;
    const fill = async () => {
      using file = await Deno.open(filler, { write: true, create: true });
      const bytes = new Uint8Array(4096);
      try {
        for (;;) await file.write(bytes);
      } catch (error) {
        assert.match(String(error), /os error 28/);
      }
    };
    await fill();
    const run = (id: string) =>
      daemon.ctr(["run", "-d", "--cgroup", `/${cgroup}/${id}`, image, id, "sleep", "1000"]);
    const { code, stderr } = await run("full");
    assert.equal(code, 1);
    assert.match(stderr, /^ctr: .*(No space left|no space left)/);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    await Deno.remove(filler);
    await daemon.ctr(["rm", "-f", "full"]);
    const again = await run("again");
    assert.equal(again.code, 0, again.stderr);
    await ok(daemon, "rm", "-f", "again");
  }, async (dir) => {
    await Deno.mkdir(`${dir}/state`);
    await must("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0711", "state", `${dir}/state`]);
  }));

/** Faults of daemon, shim, runtime, disk, clients and containers; after each of them nothing may be left. */
import assert from "node:assert/strict";
import { Client, noIo } from "../../mod.ts";
import { cgroupRoots } from "../harness/leaks.ts";
import { ctrPath, must } from "../harness/mod.ts";
import { nothingLeft, ok, shimOf, tasksOf, until, type Victim, withDaemon } from "./support.ts";

const ids = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);

/** Starts a container that sleeps, unless it has something else to do. */
const start = ({ daemon, cgroup, image }: Victim, id: string, ...command: string[]) =>
  ok(
    daemon,
    "run",
    "-d",
    "--null-io",
    "--cgroup",
    `/${cgroup}/${id}`,
    image,
    id,
    ...command.length ? command : ["sleep", "1000"],
  );

/** Starts sleeping containers by the library, which is quicker than a command for each. */
async function startAll({ daemon, cgroup, image }: Victim, all: readonly string[]): Promise<void> {
  await using client = await Client.connect(daemon.address, { namespace: "default" });
  const stored = await client.image(image);
  await Promise.all(all.map(async (id) => {
    // Not disposed of: they are to run.
    const container = await client.newContainer(id, {
      image: stored,
      args: ["sleep", "1000"],
      spec: [({ linux }) => void (linux.cgroupsPath = `/${cgroup}/${id}`)],
    });
    await (await container.newTask(noIo())).start();
  }));
}

/** Faults that one daemon survives one after the other. */
const faults: Record<string, (victim: Victim) => Promise<void>> = {
  "kill -9 of the shim with 20 containers: they run on, the next one adopts them, exits are told as 255":
    async (victim) => {
      const { daemon } = victim;
      await startAll(victim, ids(20));
      const before = await tasksOf(daemon);
      assert.equal(before.size, 20);
      const shim = await shimOf(daemon);
      Deno.kill(shim, "SIGKILL");
      await until("another shim has them", async () => {
        const now = await tasksOf(daemon).catch(() => new Map());
        return now.size === 20 && [...now.values()].every(({ status }) => status === "RUNNING");
      });
      assert.deepEqual(await tasksOf(daemon), before, "the same processes run");
      assert.notEqual(await shimOf(daemon), shim);
      await ok(daemon, "tasks", "exec", "--exec-id", "e", "c7", "true");
      await ok(daemon, "tasks", "kill", "-s", "SIGKILL", "c0");
      assert.equal(
        await ok(daemon, "tasks", "wait", "c0"),
        "255\n",
        "whose parent died can't be asked for its code",
      );
      await ok(daemon, "rm", "-f", ...ids(20));
    },

  "200 containers started at once all run and all end": async ({ daemon, image, cgroup }) => {
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
        await task.start();
        return (await task.wait()).code;
      }),
    );
    assert.deepEqual(codes, codes.map((_, n) => n % 100));
    assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
    assert.equal(await ok(daemon, "containers", "ls", "-q"), "");
  },

  "clients that vanish while they wait leave nothing behind, and the exit is there for the next one": async (
    victim,
  ) => {
    const { daemon } = victim;
    await start(victim, "w");
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
  },

  "clients that are killed while they are attached stop nothing, and the next one hears what follows": async (
    { daemon, image, cgroup, fifos },
  ) => {
    const client = (...args: string[]) =>
      new Deno.Command(ctrPath, {
        args: ["--address", daemon.address, ...args],
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
    const script = "n=0; while :; do echo line $n; n=$((n+1)); sleep 0.05; done";
    const flags = ["--fifo-dir", fifos, "--cgroup", `/${cgroup}/told`];
    let attached = client("run", ...flags, image, "told", "sh", "-c", script);
    let last = -1;
    for (const _ of [1, 2, 3]) {
      const reader = attached.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await reader.read();
      const first = Number(/line (\d+)/.exec(value!)![1]);
      assert.ok(first > last, `${first} after ${last}`);
      last = first;
      attached.kill("SIGKILL");
      await attached.status;
      await reader.cancel();
      attached = client("tasks", "attach", "told");
    }
    attached.kill("SIGKILL");
    await attached.status;
    await attached.stdout.cancel();
    assert.equal((await tasksOf(daemon)).get("told")!.status, "RUNNING");
    await ok(daemon, "rm", "-f", "told");
  },

  "a container that ignores SIGTERM is killed when the time of ctr stop is over": async (victim) => {
    const { daemon } = victim;
    await start(victim, "stubborn", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done");
    await ok(daemon, "stop", "-t", "1", "stubborn");
    assert.equal(await ok(daemon, "tasks", "wait", "stubborn"), "137\n");
    await ok(daemon, "rm", "stubborn");
  },

  "a fork bomb under a limit of pids hurts itself alone, and is removed": async (victim) => {
    const { daemon, image, cgroup } = victim;
    await start(victim, "bystander");
    await using client = await Client.connect(daemon.address, { namespace: "default" });
    // Not disposed of: "ctr rm -f" is to find it at its worst.
    const container = await client.newContainer("bomb", {
      image: await client.image(image),
      spec: [({ process, linux }) => {
        process.args = ["sh", "-c", "f() { f & f & sleep 1000; }; f & exec sleep 1000"];
        linux.cgroupsPath = `/${cgroup}/bomb`;
        linux.resources.pids = { limit: 64 };
      }],
    });
    const task = await container.newTask(noIo());
    await task.start();
    const refused = async () =>
      (await Promise.all(
        cgroupRoots(`${cgroup}/bomb`).map((dir) => Deno.readTextFile(`${dir}/pids.events`).catch(() => "")),
      )).some((text) => /max [1-9]/.test(text));
    await until("it has met its limit", refused);
    assert.ok((await task.pids()).length <= 64);
    assert.equal(await ok(daemon, "tasks", "exec", "--exec-id", "e", "bystander", "echo", "fine"), "fine\n");
    await start(victim, "newcomer", "true");
    await ok(daemon, "tasks", "wait", "newcomer");
    assert.equal((await tasksOf(daemon)).get("bomb")!.status, "RUNNING");
    await ok(daemon, "rm", "-f", "bomb", "bystander", "newcomer");
  },

  "runc that fails is told with the last error of its log, or else its exit code": async (victim) => {
    const { daemon, image, cgroup, scratch } = victim;
    const program = async (name: string, log: string) => {
      const path = scratch.join(name);
      const find = 'while [ "$1" != --log ]; do [ $# = 0 ] && break; shift; done';
      const script = `#!/bin/sh\n[ "$1" = --version ] && exit 0\n${find}\n${log}\nexit 9\n`;
      await Deno.writeTextFile(path, script, { mode: 0o755 });
      return path;
    };
    const fails = async (binary: string) => {
      const flags = ["--null-io", "--rm", "--cgroup", `/${cgroup}/x`, "--runc-binary", binary];
      const { code, stderr } = await daemon.ctr(["run", ...flags, image, "x", "true"]);
      assert.equal(code, 1);
      return stderr;
    };
    const entry = (level: string, msg: string) => `echo '${JSON.stringify({ level, msg })}' >>"$2"`;
    const talks = await program(
      "talks",
      [entry("error", "the first"), entry("error", "no room on the moon"), entry("info", "bye")].join("\n"),
    );
    assert.match(await fails(talks), /^ctr: .*OCI runtime create failed: no room on the moon\b/);
    assert.match(await fails(await program("mute", ":")), /OCI runtime create failed: exit status 9\b/);
    assert.match(await fails(scratch.join("nosuch")), /OCI runtime ".*nosuch": executable file not found/);
  },
};

Deno.test("a daemon survives, and nothing is left after each:", (t) =>
  withDaemon(async (victim) => {
    for (const [name, fault] of Object.entries(faults)) {
      await t.step(name, async () => {
        await fault(victim);
        await nothingLeft(victim);
      });
    }
  }));

Deno.test("without runc the error names it and says how to get it; once it is there the next try works", async () => {
  const bin = await Deno.makeTempDir();
  try {
    const tools = "sh tail head gzip mktemp mkdir cat wc tar rm mv zstd stat id";
    for (const tool of tools.split(" ")) {
      const path = await must("sh", ["-c", 'command -v "$1" || true', "sh", tool]);
      if (path) await Deno.symlink(path.trim(), `${bin}/${tool}`);
    }
    const runc = (await must("sh", ["-c", "command -v runc"])).trim();
    await withDaemon(async ({ daemon, image, cgroup }) => {
      const run = () => daemon.ctr(["run", "--rm", "--cgroup", `/${cgroup}/r`, image, "r", "echo", "ran"]);
      const { code, stderr } = await run();
      assert.equal(code, 1);
      assert.match(
        stderr,
        /OCI runtime "runc": executable file not found in \$PATH; install it \(apt-get install runc\)/,
      );
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      assert.equal(await ok(daemon, "containers", "ls", "-q"), "");
      await Deno.symlink(runc, `${bin}/runc`);
      assert.equal((await run()).stdout, "ran\n");
      // Moved by an upgrade, while the shim that knows the old place runs.
      await Deno.mkdir(`${bin}/new`);
      await Deno.rename(`${bin}/runc`, `${bin}/new/runc`);
      assert.equal((await run()).stdout, "ran\n");
    }, { env: { PATH: `${bin}:${bin}/new` } });
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});

Deno.test("a full disk of the daemon's state fails a container in one line, and leaves room for the next", () =>
  withDaemon(async ({ daemon, image, cgroup }) => {
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
  }, {
    prepare: async (dir) => {
      await Deno.mkdir(`${dir}/state`);
      await must("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0711", "state", `${dir}/state`]);
    },
  }));

import assert from "node:assert/strict";
import { exists, fails, ok, until, withDaemon } from "./support.ts";

const status = ["sh", "-c", "grep -E '^(Cap|NoNewPrivs)' /proc/self/status"];

Deno.test("tasks exec: environment, directory, user, streams, pid file, and what is wrong with them", () =>
  withDaemon(async (daemon, image, scratch) => {
    const env = ["--env", "A=image", "--env", "B=image"];
    await ok(daemon, "run", "-d", "--cwd", "/tmp", ...env, image, "host", "sleep", "1000");
    const exec = (...args: string[]) => ok(daemon, "tasks", "exec", ...args);
    const script = "echo $A $B $C; pwd; id -u; id -G; tty || true";
    assert.equal(await exec("host", "sh", "-c", script), "image image\n/tmp\n0\n0\nnot a tty\n");
    const named = ["--env", "B=own", "--env", "C=new", "--cwd", "/home", "--user", "alice"];
    assert.equal(
      await exec(...named, "host", "sh", "-c", script),
      "image own new\n/home\n1000\n1000 29 44\nnot a tty\n",
    );
    assert.equal(await exec("--user", "1000", "host", "id", "-u"), "1000\n");
    assert.equal(await exec("--user", "4242:29", "host", "sh", "-c", "id -u; id -g"), "4242\n29\n");
    assert.match(await exec("-t", "host", "tty"), /^\/dev\/pts\/\d+\r\n$/);
    assert.match(await fails(daemon, "tasks", "exec", "--user", "nosuch", "host", "true"), /nosuch/);
    assert.match(
      await fails(daemon, "tasks", "exec", "host", "/nosuch"),
      /OCI runtime exec failed: .*no such file/,
    );
    assert.match(await fails(daemon, "tasks", "exec", "--cwd", "relative", "host", "true"), /absolute path/);

    const pidFile = scratch.join("exec.pid");
    await exec("-d", "--exec-id", "e1", "--pid-file", pidFile, "host", "sleep", "1000");
    const pid = Number(await Deno.readTextFile(pidFile));
    assert.equal(await Deno.readTextFile(`/proc/${pid}/comm`), "sleep\n");
    assert.match(await ok(daemon, "tasks", "ps", "host"), new RegExp(`^${pid} +exec_id:"e1"`, "m"));
    assert.match(await fails(daemon, "tasks", "exec", "--exec-id", "e1", "host", "true"), /already exists/);
    assert.match(
      await fails(daemon, "tasks", "rm", "--exec-id", "e1", "host"),
      /must be stopped before deletion/,
    );
    const [first, second] = [1, 2].map(() => ok(daemon, "tasks", "wait", "--exec-id", "e1", "host"));
    await ok(daemon, "tasks", "kill", "--exec-id", "e1", "-s", "sigkill", "host");
    assert.deepEqual(await Promise.all([first, second]), ["137\n", "137\n"]);
    await ok(daemon, "tasks", "rm", "--exec-id", "e1", "host");
    await exec("-d", "--exec-id", "e2", "host", "sleep", "1000");
    await ok(daemon, "tasks", "rm", "-f", "--exec-id", "e2", "host");

    const log = scratch.join("exec.log");
    await exec(
      "-d",
      "--exec-id",
      "e3",
      "--log-uri",
      `file://${log}`,
      "host",
      "sh",
      "-c",
      "echo out; echo err >&2",
    );
    assert.equal(await ok(daemon, "tasks", "wait", "--exec-id", "e3", "host"), "0\n");
    await until("both lines are there", async () => (await Deno.readTextFile(log)).length === 8);
    const fifos = scratch.join("fifos");
    assert.equal(await exec("--fifo-dir", fifos, "host", "echo", "by fifo"), "by fifo\n");
    assert.deepEqual([...Deno.readDirSync(fifos)], [], "pipes go with the process");
  }));

Deno.test("signals by name and number, to one process and to all; ps, pause, resume, start", () =>
  withDaemon(async (daemon, image, scratch) => {
    const names = ["USR1", "SIGUSR1", "sigusr1", "10"];
    for (const [n, name] of names.entries()) {
      const script = `trap 'exit ${20 + n}' USR1; echo up; while :; do sleep 0.05; done`;
      const log = scratch.join(`${n}.log`);
      await ok(daemon, "run", "-d", "--log-uri", `file://${log}`, image, `s${n}`, "sh", "-c", script);
      await until("it is up", async () => (await Deno.readTextFile(log).catch(() => "")) === "up\n");
      await ok(daemon, "tasks", "kill", "-s", name, `s${n}`);
      assert.equal(await ok(daemon, "tasks", "wait", `s${n}`), `${20 + n}\n`, name);
    }
    await ok(daemon, "run", "-d", image, "all", "sh", "-c", "sleep 1000 & sleep 1000 & wait");
    await until(
      "three processes run",
      async () => (await ok(daemon, "tasks", "ps", "all")).split("\n").length === 5,
    );
    await ok(daemon, "tasks", "pause", "all");
    assert.match(await fails(daemon, "tasks", "pause", "all"), /not running/);
    assert.match(await fails(daemon, "tasks", "exec", "all", "true"), /cannot exec in a paused state/);
    await ok(daemon, "tasks", "resume", "all");
    await ok(daemon, "tasks", "kill", "--all", "-s", "9", "all");
    assert.equal(await ok(daemon, "tasks", "wait", "all"), "137\n");
    assert.match(await fails(daemon, "tasks", "kill", "--all", "--exec-id", "x", "all"), /not both/);
    await ok(daemon, "tasks", "rm", "all");

    const pidFile = scratch.join("pid");
    const log = scratch.join("start.log");
    await ok(daemon, "containers", "create", image, "made", "sh", "-c", "echo told; sleep 1000");
    await ok(
      daemon,
      "tasks",
      "start",
      "-d",
      "--no-pivot",
      "--pid-file",
      pidFile,
      "--log-uri",
      `file://${log}`,
      "made",
    );
    assert.match(
      await ok(daemon, "tasks", "ls"),
      new RegExp(`^made +${await Deno.readTextFile(pidFile)} +RUNNING`, "m"),
    );
    await until("its output is logged", async () => await Deno.readTextFile(log) === "told\n");
    await ok(daemon, "tasks", "rm", "-f", "made");
    assert.equal(await exists(`${daemon.state}/tasks/default/made`), false);
    await ok(daemon, "containers", "create", image, "mute", "sh", "-c", "echo lost; exit 4");
    const { code, stdout } = await daemon.ctr(["tasks", "start", "--null-io", "mute"]);
    assert.deepEqual([code, stdout], [4, ""]);
  }));

Deno.test("an exec gets no more than its container has: capabilities, descriptors, directories", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", image, "host", "sleep", "1000");
    const [, pid] = /^host +(\d+)/m.exec(await ok(daemon, "tasks", "ls"))!;
    const lines = (text: string) => text.split("\n").filter((line) => /^(Cap|NoNewPrivs)/.test(line));
    const own = lines(await Deno.readTextFile(`/proc/${pid}/status`));
    // CVE-2022-24769, CVE-2022-29162: nothing inheritable, nothing more than the first process has.
    assert.ok(own.includes("CapInh:\t0000000000000000"));
    assert.deepEqual(lines(await ok(daemon, "tasks", "exec", "host", ...status)), own);
    const other = lines(await ok(daemon, "tasks", "exec", "--user", "alice", "host", ...status));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) {
      assert.ok(other.includes(`${set}:\t0000000000000000`), set);
    }
    // CVE-2024-21626: nothing of ours is open in there, and no directory can be named by it.
    await ok(daemon, "tasks", "exec", "-d", "--exec-id", "sleeper", "host", "sleep", "1000");
    const [, sleeper] = /^(\d+) +exec_id:"sleeper"/m.exec(await ok(daemon, "tasks", "ps", "host"))!;
    for (const process of [pid!, sleeper!]) {
      assert.deepEqual([...Deno.readDirSync(`/proc/${process}/fd`)].map(({ name }) => name).sort(), [
        "0",
        "1",
        "2",
      ]);
    }
    for (let fd = 3; fd <= 12; fd++) {
      const cwd = `/proc/self/fd/${fd}`;
      assert.match(await fails(daemon, "tasks", "exec", "--cwd", cwd, "host", "pwd"), /fd\/\d+/);
    }
    assert.match(await fails(daemon, "run", "--rm", "--cwd", "/proc/self/fd/7", image, "x", "pwd"), /fd\/7/);
  }));

Deno.test("an exec that has ended leaves its name to the next, and its code to whoever waits", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", image, "host", "sleep", "1000");
    for (let n = 0; n < 20; n++) {
      const script = `echo out ${n}; echo err ${n} >&2; exit ${n}`;
      const { code, stdout, stderr } = await daemon.ctr(
        ["tasks", "exec", "--exec-id", "same", "host", "sh", "-c", script],
      );
      assert.deepEqual([code, stdout, stderr], [n, `out ${n}\n`, `err ${n}\n`]);
    }
    // What a child of it still writes belongs to its output.
    const late = "(sleep 3; echo late) & echo early";
    assert.equal(await ok(daemon, "tasks", "exec", "host", "sh", "-c", late), "early\nlate\n");
    const input = ["tasks", "exec", "host", "readlink", "/proc/self/fd/0"];
    assert.equal(await ok(daemon, ...input), "/dev/null\n", "nothing is nothing in there");
    assert.match((await daemon.ctr(input, { stdin: "" })).stdout, /^pipe:/);
    const words = await daemon.ctr(["tasks", "exec", "host", "cat"], { stdin: "a word\n" });
    assert.deepEqual([words.code, words.stdout], [0, "a word\n"]);
    await until(
      "none is left",
      async () => !(await ok(daemon, "tasks", "ps", "host")).includes("exec_id"),
    );
  }));

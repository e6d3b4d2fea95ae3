import assert from "node:assert/strict";
import { ctrPath, type Longshore, type Scratch, UserTerminal } from "../../harness/mod.ts";
import { exists, fails, ok, statusOf, until, withDaemon } from "../taskio/support.ts";

const detachKeys = "\x10\x11";

/** Runs what is typed; without busybox's line editing, which sets the terminal by itself. */
const loop = "while printf '> '; read -r line; do eval \"$line\"; done";
const shell = ["sh", "-c", loop];

interface Given {
  daemon: Longshore;
  image: string;
  scratch: Scratch;
  /** A terminal of 91 by 37. */
  user: UserTerminal;
  /** Runs our ctr at that terminal. */
  ctr: (...args: string[]) => void;
}

const bodies: Record<string, (given: Given) => Promise<void>> = {
  "run -t: size at the start and when it changes, keys as typed, settings as before": async (given) => {
    const { image, user, ctr, daemon } = given;
    const before = await user.settings();
    ctr(
      "run",
      "--rm",
      "-t",
      image,
      "size",
      "sh",
      "-c",
      `stty size; tty; trap 'echo inter''rupted' INT; ${loop}`,
    );
    await user.sees("37 91\r\n/dev/pts/0\r\n");
    assert.match(await user.settings(), /-opost[\s\S]*-isig -icanon[\s\S]*-echo /);
    await user.sees("> ");
    user.resize(120, 50);
    await until("the size has followed", async () => {
      user.type("stty size\r");
      return (await user.sees(/\d+ \d+\r\n/)).includes("50 120");
    });
    user.type("sleep 1000\r");
    await user.sees("sleep 1000\r\n");
    user.type("\x03");
    await user.sees("interrupted");
    user.type("echo $((6 * 7)); exit 3\r");
    await user.sees("42\r\n");
    assert.equal(await user.ended(), 3);
    assert.equal(strip(await user.settings()), strip(before));
    assert.equal(await ok(daemon, "containers", "ls", "-q"), "");
  },
  "a terminal's output comes unchanged: our side is as raw as the process's is": async (
    { image, user, ctr },
  ) => {
    ctr("run", "--rm", "-t", image, "raw", "sh", "-c", "stty raw -opost; printf 'a\\nb\\r\\nc\\033[1mend'");
    await user.sees("a\nb\r\nc\x1b[1mend");
    assert.equal(await user.ended(), 0);
  },
  "Ctrl-P Ctrl-Q leaves it running; attach comes back, as often as one likes": async (given) => {
    const { daemon, image, user, ctr } = given;
    const before = strip(await user.settings());
    ctr("run", "-t", image, "web", ...shell);
    await user.sees("> ");
    user.type("x=kept\r");
    await user.sees("> ");
    for (let round = 0; round < 3; round++) {
      user.type(detachKeys);
      await user.sees(/detached: web goes on; back to it: ctr tasks attach web\s/);
      assert.equal(await user.ended(), 0);
      assert.equal(strip(await user.settings()), before);
      assert.equal(await statusOf(daemon, "web"), "RUNNING");
      user.resize(100 + round, 40);
      ctr("tasks", "attach", "web");
      await until("its size has followed", async () => {
        user.type("stty size; echo $x\r");
        return (await user.sees(/\d+ \d+\r\nkept\r\n/)).includes(`40 ${100 + round}`);
      });
    }
    user.type("exit 5\r");
    assert.equal(await user.ended(), 5);
    assert.equal(strip(await user.settings()), before);
    assert.equal(
      await statusOf(daemon, "web"),
      undefined,
      "the task goes with who sees its end, as with Go's ctr",
    );
    await ok(daemon, "rm", "web");
  },
  "keys other than the usual ones, or none": async ({ daemon, image, user, ctr }) => {
    ctr("run", "-t", "--detach-keys", "ctrl-a,d", image, "keys", ...shell);
    await user.sees("> ");
    user.type("\x01d");
    await user.sees("detached");
    assert.equal(await user.ended(), 0);
    ctr("tasks", "attach", "--detach-keys", "", "keys");
    user.type("cat -v\r");
    await user.sees("cat -v\r\n");
    // Raw, so that the terminal of the container takes no key for itself.
    await ok(daemon, "tasks", "exec", "keys", "sh", "-c", "stty raw -echo </dev/pts/0");
    user.type(`${detachKeys}\n`);
    await user.sees("^P^Q");
    await ok(daemon, "rm", "-f", "keys");
    assert.equal(await user.ended(), 137);
    assert.match(
      await fails(daemon, "run", "-t", "--detach-keys", "ctrl-", image, "bad"),
      /"ctrl-" is no key/,
    );
    assert.match(await fails(daemon, "containers", "info", "bad"), /not found/);
  },
  "exec -t: the size at once, detach, attach by exec id": async ({ daemon, image, user, ctr }) => {
    await ok(daemon, "run", "-d", image, "host", "sleep", "1000");
    ctr("tasks", "exec", "-t", "--exec-id", "e1", "host", "sh", "-c", `stty size; ${loop}`);
    await user.sees("37 91\r\n> ");
    user.type(detachKeys);
    await user.sees("detached: process e1 of host goes on; back to it: ctr tasks attach --exec-id e1 host");
    assert.equal(await user.ended(), 0);
    assert.match(await ok(daemon, "tasks", "ps", "host"), /exec_id:"e1"/);
    ctr("tasks", "attach", "--exec-id", "e1", "host");
    user.type("exit 4\r");
    assert.equal(await user.ended(), 4);
    assert.match(await fails(daemon, "tasks", "attach", "--exec-id", "e1", "host"), /not found/);
    await ok(daemon, "rm", "-f", "host");
  },
  "attach to a task without a terminal: lines as typed, Ctrl-D ends its input": async (given) => {
    const { daemon, image, user, ctr } = given;
    const before = await user.settings();
    // Left behind by who ran it, as a lost connection does.
    const other = new UserTerminal();
    await using _other = other;
    other.run(ctrPath, "--address", daemon.address, "run", image, "plain", "cat");
    await until("it runs", async () => await statusOf(daemon, "plain") === "RUNNING");
    Deno.kill(other.pid, "SIGKILL");
    ctr("tasks", "attach", "plain");
    user.type("typed\r");
    await user.sees("typed\r\ntyped\r\n");
    user.type("\x04");
    assert.equal(await user.ended(), 0);
    assert.equal(await user.settings(), before);
    assert.equal(await statusOf(daemon, "plain"), undefined);
    await ok(daemon, "rm", "plain");
  },
  "the terminal comes back after a signal, a failed start, and a crash of the daemon": async (given) => {
    const { daemon, image, user, ctr } = given;
    const before = await user.settings();
    ctr(
      "run",
      "--rm",
      "-t",
      image,
      "polite",
      "sh",
      "-c",
      "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done",
    );
    await user.sees("up");
    Deno.kill(user.pid, "SIGTERM");
    assert.equal(await user.ended(), 9);
    assert.equal(await user.settings(), before);
    ctr("run", "--rm", "-t", image, "never", "/nosuch");
    await user.sees("no such file");
    assert.equal(await user.ended(), 1);
    assert.equal(await user.settings(), before);
    ctr("run", "-t", image, "orphan", ...shell);
    await user.sees("> ");
    await daemon.crash();
    await user.sees(/the daemon was lost, orphan goes on; back to it: ctr tasks attach orphan/);
    assert.equal(await user.ended(), 1);
    assert.equal(await user.settings(), before);
    await daemon.restart();
    ctr("tasks", "attach", "orphan");
    user.type("exit 6\r");
    assert.equal(await user.ended(), 6);
    await ok(daemon, "rm", "orphan");
  },
  "a terminal that is hung up leaves its process for the next": async ({ daemon, image, ctr, user }) => {
    const lost = new UserTerminal();
    await using _lost = lost;
    lost.run(ctrPath, "--address", daemon.address, "run", "-t", image, "lost", ...shell);
    await lost.sees("> ");
    lost.hangUp();
    assert.equal(await lost.ended(), 0);
    assert.equal(await statusOf(daemon, "lost"), "RUNNING");
    ctr("tasks", "attach", "lost");
    user.type("exit 7\r");
    assert.equal(await user.ended(), 7);
    await ok(daemon, "rm", "lost");
  },
  "a terminal whose output is logged, or lost: ours stays as it is, and Ctrl-C reaches the process": async (
    given,
  ) => {
    const { daemon, image, user, ctr, scratch } = given;
    const log = scratch.join("terminal.log");
    await ok(
      daemon,
      "run",
      "-d",
      "-t",
      "--log-uri",
      `file://${log}`,
      image,
      "logged",
      "sh",
      "-c",
      "tty; echo done",
    );
    await ok(daemon, "tasks", "wait", "logged");
    await until("all is in the log", async () => await Deno.readTextFile(log) === "/dev/pts/0\r\ndone\r\n");
    assert.match(await fails(daemon, "tasks", "attach", "logged"), /has no stdio to attach to/);
    const before = await user.settings();
    const up = scratch.join("up.log");
    const script = "trap 'exit 8' INT; echo up; while :; do sleep 0.05; done";
    ctr("run", "-t", "--log-uri", `file://${up}`, image, "mute", "sh", "-c", script);
    await until("it is up", async () => (await Deno.readTextFile(up).catch(() => "")) === "up\r\n");
    assert.equal(await user.settings(), before);
    await until("it runs", async () => await statusOf(daemon, "mute") === "RUNNING");
    user.type("\x03");
    assert.equal(await user.ended(), 8);
  },
  "tasks start of a container with a terminal; -t without a terminal of our own": async (given) => {
    const { daemon, image, user, ctr } = given;
    await ok(daemon, "containers", "create", "-t", image, "made", "sh", "-c", "stty size; exec sleep 1000");
    ctr("tasks", "start", "made");
    await user.sees("37 91\r\n");
    user.type(detachKeys);
    assert.equal(await user.ended(), 0);
    await ok(daemon, "rm", "-f", "made");
    const { code, stdout } = await daemon.ctr([
      "run",
      "--rm",
      "-t",
      image,
      "piped",
      "sh",
      "-c",
      "tty; read x; echo $x",
    ], {
      stdin: "word\n",
    });
    assert.deepEqual([code, stdout.replaceAll("word\r\n", "")], [0, "/dev/pts/0\r\n"]);
    assert.match(await fails(daemon, "tasks", "attach", "made"), /not found/);
  },
};

/** Without the size, which the tests change. */
const strip = (settings: string) => settings.replace(/rows \d+; columns \d+/, "");

Deno.test("terminals", async (t) => {
  await withDaemon(async (daemon, image, scratch) => {
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, async () => {
        const user = new UserTerminal({ width: 91, height: 37 });
        await using _user = user;
        const ctr = (...args: string[]) => user.run(ctrPath, "--address", daemon.address, ...args);
        try {
          await body({ daemon, image, scratch, user, ctr });
        } finally {
          await daemon.ctr(["rm", "-f", "--all"]);
        }
        assert.equal(await exists(`${daemon.state}/shim/pty1.sock`), false);
      });
    }
  });
});

import assert from "node:assert/strict";
import { ctrPath, run } from "../../harness/mod.ts";
import { exists, fails, ok, statusOf, until, withDaemon } from "./support.ts";

const json = ["--log-driver", "json-file"];

Deno.test("ctr logs shows what a container has written, each stream on its own, and from when or how many", () =>
  withDaemon(async (daemon, image) => {
    const script = "for n in 1 2 3 4 5; do echo line $n; done; echo oops >&2; printf end";
    await ok(daemon, "run", "-d", ...json, image, "web", "sh", "-c", script);
    assert.equal(await ok(daemon, "tasks", "wait", "web"), "0\n");
    const file = `${daemon.root}/logs/default/web.log`;
    await until("all is in the log", async () => {
      const text = await Deno.readTextFile(file);
      return text.includes('"end"') && text.includes("oops");
    });
    const { stdout, stderr } = await daemon.ctr(["logs", "web"]);
    assert.equal(stdout, "line 1\nline 2\nline 3\nline 4\nline 5\nend");
    assert.equal(stderr, "oops\n");
    const entries = (await Deno.readTextFile(file)).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(Object.keys(entries[0]), ["log", "stream", "time"]);
    assert.equal((await daemon.ctr(["logs", "--tail", "0", "web"])).stdout, "");
    const last = await daemon.ctr(["logs", "--tail", "2", "web"]);
    assert.equal((last.stdout + last.stderr).length, entries.slice(-2).map(({ log }) => log).join("").length);
    assert.equal((await daemon.ctr(["logs", "--since", "2100-01-01T00:00:00Z", "web"])).stdout, "");
    assert.equal((await daemon.ctr(["logs", "--since", "1h", "web"])).stdout, stdout);
    assert.match(await ok(daemon, "logs", "-t", "--tail", "9", "web"), /^20\d\d-\S+T\S+Z line 1\n/);
    // Another task of the same container writes on.
    await ok(daemon, "tasks", "rm", "web");
    await ok(daemon, "tasks", "start", "-d", "web");
    assert.equal(await ok(daemon, "tasks", "wait", "web"), "0\n");
    await until(
      "both are in the log",
      async () => (await Deno.readTextFile(file)).match(/"end"/g)?.length === 2,
    );
    await ok(daemon, "rm", "web");
    assert.equal(await exists(file), false, "the log goes with its container");
  }));

Deno.test("ctr logs -f follows until the task ends, over rotations and the daemon's death", () =>
  withDaemon(async (daemon, image, scratch) => {
    await Deno.mkdir(scratch.join("gate"));
    const mount = ["--mount", `type=bind,src=${scratch.join("gate")},dst=/gate,options=rbind:ro`];
    const script = "n=0; while [ $n -lt 1500 ]; do echo line number $n; n=$((n+1)); " +
      "[ $n = 700 ] && until [ -e /gate/open ]; do sleep 0.02; done; done";
    const options = ["--log-opt", "max-size=8k", "--log-opt", "max-file=100"];
    await ok(daemon, "run", "-d", ...json, ...options, ...mount, image, "writer", "sh", "-c", script);
    const file = `${daemon.root}/logs/default/writer.log`;
    await until("the log was rotated", () => exists(`${file}.2`));
    const following = daemon.ctr(["logs", "-f", "writer"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await Deno.writeTextFile(scratch.join("gate/open"), "");
    const { code, stdout } = await following;
    assert.equal(code, 0);
    const expected = Array.from({ length: 1500 }, (_, n) => `line number ${n}\n`).join("");
    assert.equal(stdout, expected);
    // What the shim writes does not go through the daemon.
    await daemon.crash();
    await daemon.restart();
    assert.equal(await ok(daemon, "logs", "writer"), expected);
    assert.equal(await statusOf(daemon, "writer"), "STOPPED");
  }));

Deno.test("ctr logs -f stays over the daemon's crash, a rotation, and a line that comes in pieces", () =>
  withDaemon(async (daemon, image, scratch) => {
    await Deno.mkdir(scratch.join("gate"));
    const mount = ["--mount", `type=bind,src=${scratch.join("gate")},dst=/gate,options=rbind:ro`];
    const pass = (name: string) => `until [ -e /gate/${name} ]; do sleep 0.02; done`;
    const script = `echo before; ${pass("one")}; printf half; ${pass("two")}; echo ' whole'; ` +
      `n=0; while [ $n -lt 200 ]; do echo line number $n; n=$((n+1)); done; ${
        pass("three")
      }; echo after; exit 3`;
    const options = ["--log-opt", "max-size=4k", "--log-opt", "max-file=100"];
    await ok(daemon, "run", "-d", ...json, ...options, ...mount, image, "w", "sh", "-c", script);
    await until("it has begun", async () => await ok(daemon, "logs", "w") === "before\n");
    const shown = scratch.join("shown");
    const command = [ctrPath, "--address", daemon.address, "logs", "-f", "w"];
    const following = run("sh", ["-c", 'exec "$@" >"$OUT"', "sh", ...command], { env: { OUT: shown } });
    await until("it follows", async () => await Deno.readTextFile(shown).catch(() => "") === "before\n");
    await Deno.writeTextFile(scratch.join("gate/one"), "");
    await daemon.crash();
    await Deno.writeTextFile(scratch.join("gate/two"), "");
    await until("the log was rotated", () => exists(`${daemon.root}/logs/default/w.log.2`));
    await daemon.restart();
    await Deno.writeTextFile(scratch.join("gate/three"), "");
    const { code, stderr } = await following;
    const lines = Array.from({ length: 200 }, (_, n) => `line number ${n}\n`).join("");
    assert.deepEqual([code, await Deno.readTextFile(shown), stderr], [
      0,
      `before\nhalf whole\n${lines}after\n`,
      "",
    ]);
    const file = await Deno.readTextFile(`${daemon.root}/logs/default/w.log.${await oldest(daemon.root)}`);
    assert.match(file, /"log":"half whole\\n"/, "one entry, written when it was whole");
    assert.equal(await ok(daemon, "tasks", "wait", "w"), "3\n");
  }));

/** The number of the oldest file of the log of `w`. */
async function oldest(root: string): Promise<number> {
  for (let n = 1;; n++) if (!await exists(`${root}/logs/default/w.log.${n + 1}`)) return n;
}

Deno.test("a log has no more files than it may, and a long line keeps its length", () =>
  withDaemon(async (daemon, image) => {
    const script = "n=0; while [ $n -lt 300 ]; do echo short line $n; n=$((n+1)); done; " +
      "head -c 50000 /dev/zero | tr '\\0' x; echo";
    const options = ["--log-opt", "max-size=4k", "--log-opt", "max-file=3"];
    await ok(daemon, "run", "-d", ...json, ...options, image, "noisy", "sh", "-c", script);
    await ok(daemon, "tasks", "wait", "noisy");
    const dir = `${daemon.root}/logs/default`;
    const names = () => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    await until(
      "the end is written",
      async () => (await Deno.readTextFile(`${dir}/noisy.log`)).includes("\\n"),
    );
    assert.deepEqual(names(), ["noisy.log", "noisy.log.1", "noisy.log.2"]);
    const pieces = (await ok(daemon, "logs", "noisy")).split("\n").at(-2)!;
    assert.match(pieces, /^x+$/);
    assert.equal((await Deno.stat(`${dir}/noisy.log`)).mode! & 0o777, 0o600);
  }));

Deno.test("ctr logs and its flags say what is wrong", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", image, "mute", "true");
    assert.match(await fails(daemon, "logs", "mute"), /has no log to read: .*--log-driver json-file/);
    assert.match(await fails(daemon, "logs", "nosuch"), /not found/);
    assert.match(await fails(daemon, "logs", "--tail", "x", "mute"), /--tail "x"/);
    assert.match(await fails(daemon, "run", "-d", "--log-driver", "syslog", image, "a"), /json-file/);
    assert.match(await fails(daemon, "run", "--rm", ...json, image, "a", "true"), /needs --detach/);
    const sized = ["run", "-d", ...json, "--log-opt", "max-size=lots", image, "a", "true"];
    assert.match(await fails(daemon, ...sized), /max-size=lots/);
    assert.match(await fails(daemon, "containers", "info", "a"), /not found/);
  }));

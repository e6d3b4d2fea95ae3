import assert from "node:assert/strict";
import { ctrPath, type Longshore, must, run } from "../../harness/mod.ts";
import { ok, withRegistry } from "./support.ts";

/** What the doctor says of a subject, a line each with its advice behind it. */
async function findings({ root, state, address }: Longshore, subject: string): Promise<string[]> {
  const args = ["--address", address, "doctor", "--root", root, "--state", state];
  const { stdout, stderr } = await run(ctrPath, args);
  assert.equal(stderr, "");
  const own = stdout.replaceAll(/\n +-> /g, " -> ").split("\n");
  return own.filter((line) => line.split(/ {2,}| (?=\w)/)[1] === subject).map((line) =>
    line.replaceAll(/ +/g, " ").trim()
  );
}

/** Pids of the shims of a daemon. */
async function shims({ state }: Longshore): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(state)) found.push(Number(name));
  }
  return found;
}

async function pidOf(daemon: Longshore, id: string): Promise<number> {
  const line = (await ok(daemon, ["tasks", "ls"])).split("\n").find((line) => line.startsWith(`${id} `))!;
  return Number(line.split(/ +/)[1]);
}

/** A killed process has ended when its entry is gone or a zombie's. */
async function kill(pid: number): Promise<void> {
  Deno.kill(pid, "SIGKILL");
  for (let tries = 0; tries < 400; tries++) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => ") Z");
    if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z")) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${pid} goes on`);
}

Deno.test("a container at work is no leftover, with its daemon and without", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["run", "-d", reference, "runner", "sleep", "1000"]);
    for (const serves of [true, false]) {
      if (!serves) await daemon.crash();
      assert.deepEqual(await findings(daemon, "bundles"), ["ok bundles 1, none without a process"]);
      assert.deepEqual(await findings(daemon, "mounts"), ["ok mounts none stale"]);
      assert.match(
        (await findings(daemon, "shims")).join(),
        /^ok shims \d+, all can be reached|warn .*another/,
      );
      assert.match((await findings(daemon, "daemon")).join(), serves ? /serves at/ : /does not run at/);
    }
    await daemon.restart();
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "runner", "echo", "on"]), "on\n");
  }));

Deno.test("a stopped task and what a crash left are told apart from work, and the advice helps", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["run", "-d", reference, "stopped", "true"]);
    await ok(daemon, ["run", "-d", reference, "lost", "sleep", "1000"]);
    await ok(daemon, ["run", "-d", reference, "runner", "sleep", "1000"]);
    const pid = await pidOf(daemon, "lost");
    await daemon.crash();
    for (const shim of await shims(daemon)) await kill(shim);
    await kill(pid);
    const before = await must("find", [`${daemon.state}/tasks`]);
    const told = await findings(daemon, "bundles");
    assert.equal(told.length, 2, told.join("\n"));
    assert.match(
      told[0]!,
      /lost: its process has ended -> start the daemon, then: ctr -n default tasks rm lost/,
    );
    assert.match(told[1]!, /stopped: its process has ended -> .*ctr -n default tasks rm stopped/);
    assert.equal(await must("find", [`${daemon.state}/tasks`]), before, "the doctor changes nothing");

    await daemon.restart();
    for (const line of await findings(daemon, "bundles")) {
      const advice = /-> ctr (.*\S)/.exec(line)?.[1];
      if (advice) await ok(daemon, advice.split(" "));
    }
    assert.deepEqual(await findings(daemon, "bundles"), ["ok bundles 1, none without a process"]);
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "runner", "echo", "on"]), "on\n");
  }));

Deno.test("a bundle without a task, and with that of a shim which is gone, are named with the reason", () =>
  withRegistry(async ({ daemon }) => {
    await daemon.crash();
    const bundles = `${daemon.state}/tasks/default`;
    for (const id of ["empty", "broken", "foreign", "reused"]) {
      await Deno.mkdir(`${bundles}/${id}`, { recursive: true });
    }
    await Deno.writeTextFile(`${bundles}/broken/task.json`, "{");
    const bootstrap = { version: 3, socket: `${bundles}/none.sock`, binary: "/bin/shim" };
    await Deno.writeTextFile(`${bundles}/foreign/bootstrap.json`, JSON.stringify(bootstrap));
    // The pid is there, but it is another process.
    await Deno.writeTextFile(
      `${bundles}/reused/task.json`,
      JSON.stringify({ pid: Deno.pid, startTime: "1" }),
    );
    const told = await findings(daemon, "bundles");
    assert.deepEqual(told.map((line) => /default\/(\w+: .*?) ->/.exec(line)?.[1]), [
      "broken: it has no process yet, or never had one",
      "empty: it has no process yet, or never had one",
      "foreign: its shim (/bin/shim) does not answer",
      "reused: its process has ended",
    ]);
    await Deno.remove(`${bundles}/foreign`, { recursive: true });
    await daemon.restart();
    assert.deepEqual(await findings(daemon, "bundles"), ["ok bundles 0, none without a process"]);
  }));

Deno.test("a shim whose socket is gone is named, and its containers go on as the advice says", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["run", "-d", reference, "runner", "sleep", "1000"]);
    const [shim] = await shims(daemon);
    await daemon.crash();
    await Deno.remove(`${daemon.state}/shim/shim.sock`);
    const line = (await findings(daemon, "shims")).find((line) => line.includes(`process ${shim} `))!;
    assert.match(line, RegExp(`-> kill -9 ${shim}: its containers go on, and the next shim`));
    await kill(shim!);
    await daemon.restart();
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "runner", "echo", "on"]), "on\n");
  }));

Deno.test("a mount that a killed daemon left is named, another root's is not", () =>
  withRegistry(async ({ daemon, scratch }) => {
    await daemon.crash();
    const own = `${daemon.root}/snapshots/overlayfs/1/fs`;
    const other = scratch.join("root/snapshots/overlayfs/1/fs");
    const targets: string[] = [];
    try {
      for (const source of [own, other]) {
        await Deno.mkdir(source, { recursive: true });
        const target = await Deno.makeTempDir({ prefix: "longshore-mount-" });
        await must("mount", ["--bind", source, target]);
        targets.push(target);
      }
      const told = await findings(daemon, "mounts");
      assert.deepEqual(told, [
        `warn mounts ${targets[0]} is mounted for nobody -> umount ${targets[0]} && rmdir ${targets[0]}`,
      ]);
    } finally {
      for (const target of targets) {
        await must("umount", [target]);
        await Deno.remove(target);
      }
    }
  }));

Deno.test("metadata in order, a configuration that is not, and what a rebuild has kept, are told", () =>
  withRegistry(async ({ daemon, scratch }) => {
    assert.match((await findings(daemon, "metadata")).join(), /^ok metadata .* can be read/);
    await Deno.writeTextFile(scratch.join("bad.toml"), "rot = 1");
    const bad = await run(ctrPath, ["doctor", "--config", scratch.join("bad.toml")]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^fail +configuration .*unknown key rot.*\s+-> correct/m);
    await Deno.mkdir(`${daemon.root}/snapshots/overlayfs.lost-20260101T000000Z`);
    assert.match(
      (await findings(daemon, "set")).join(),
      /overlayfs\.lost-20260101T000000Z: a rebuild has kept it/,
    );
  }));

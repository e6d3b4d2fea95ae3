import assert from "node:assert/strict";
import { fails, ok, statusOf, until, withDaemon } from "./support.ts";

const stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done";
const polite = "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done";

Deno.test("ctr stop lets a process end, kills one that doesn't, and wakes one that is paused", () =>
  withDaemon(async (daemon, image, scratch) => {
    const start = async (id: string, script: string) => {
      const log = scratch.join(`${id}.log`);
      await ok(daemon, "run", "-d", "--log-uri", `file://${log}`, image, id, "sh", "-c", script);
      await until(`${id} is up`, async () => (await Deno.readTextFile(log).catch(() => "")) === "up\n");
    };
    await start("polite", polite);
    await start("paused", polite);
    await start("stubborn", stubborn);
    await ok(daemon, "tasks", "pause", "paused");
    await ok(daemon, "stop", "-t", "1", "polite", "paused", "stubborn");
    const codes = [];
    for (const id of ["polite", "paused", "stubborn"]) {
      codes.push((await ok(daemon, "tasks", "wait", id)).trim());
    }
    assert.deepEqual(codes, ["3", "3", "137"]);
    await ok(daemon, "stop", "polite");
    await ok(daemon, "rm", "polite", "paused", "stubborn");
    assert.match(await fails(daemon, "stop", "polite"), /not found/);
    assert.match(await fails(daemon, "stop", "-t", "soon", "polite"), /--time "soon"/);
  }));

Deno.test("ctr stop begins with the signal that is asked for", () =>
  withDaemon(async (daemon, image) => {
    const script = "trap 'exit 4' USR1; while :; do sleep 0.05; done";
    await ok(daemon, "run", "-d", image, "own", "sh", "-c", script);
    await ok(daemon, "stop", "-s", "USR1", "own");
    assert.match(await ok(daemon, "tasks", "wait", "own"), /^(4|138)\n$/);
  }));

Deno.test("ctr rm -f removes whatever state a container is in, and all of them if asked", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", image, "running", "sh", "-c", stubborn);
    await ok(daemon, "run", "-d", image, "paused", "sh", "-c", stubborn);
    await ok(daemon, "tasks", "pause", "paused");
    await ok(daemon, "run", "-d", image, "ended", "true");
    await ok(daemon, "tasks", "wait", "ended");
    await ok(daemon, "containers", "create", image, "idle");
    assert.match(await fails(daemon, "rm", "running"), /its task is running/);
    assert.equal(await statusOf(daemon, "running"), "RUNNING");
    await ok(daemon, "rm", "-f", "running", "paused");
    assert.match(await fails(daemon, "rm", "-f", "nosuch", "ended"), /"nosuch".*not found/);
    assert.match(await fails(daemon, "rm", "--all", "idle"), /not both/);
    await ok(daemon, "rm", "-f", "--all");
    assert.equal(await ok(daemon, "containers", "ls", "-q"), "");
    assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
    const left = (await ok(daemon, "snapshots", "ls")).split("\n").filter((line) => /Active/.test(line));
    assert.deepEqual(left, []);
  }));

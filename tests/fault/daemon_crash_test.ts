import assert from "node:assert/strict";
import type { Longshore } from "../harness/mod.ts";
import { nothingLeft, type Victim, withDaemon } from "./support.ts";

async function ok(daemon: Longshore, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const statusOf = async (daemon: Longshore, id: string) =>
  (await ok(daemon, ["tasks", "ls"])).split("\n").find((line) => line.startsWith(id))?.trim().split(/\s+/).at(
    -1,
  );

/** Deaths of the same daemon, one after the other. */
const deaths: Record<string, (victim: Victim) => Promise<void>> = {
  "containers outlive kill -9 of the daemon, and the next daemon has them in hand": async (
    { daemon, image: reference },
  ) => {
    await ok(daemon, ["run", "-d", reference, "survivor", "sleep", "1000"]);
    const before = await ok(daemon, ["tasks", "ls"]);
    await daemon.crash();
    const pid = Number(/survivor\s+(\d+)/.exec(before)![1]);
    assert.match(await Deno.readTextFile(`/proc/${pid}/cmdline`), /sleep/);
    await daemon.restart();
    assert.equal(await ok(daemon, ["tasks", "ls"]), before);
    assert.equal(
      await ok(daemon, ["tasks", "exec", "--exec-id", "e", "survivor", "echo", "still here"]),
      "still here\n",
    );
    await ok(daemon, ["tasks", "kill", "-s", "SIGKILL", "survivor"]);
    assert.equal(await ok(daemon, ["tasks", "wait", "survivor"]), "137\n");
    await ok(daemon, ["tasks", "rm", "survivor"]);
    await ok(daemon, ["containers", "rm", "survivor"]);
  },

  "an exit while no daemon runs is reported with its code by the next one": async (
    { daemon, image: reference, scratch },
  ) => {
    const gate = scratch.join("gate");
    await Deno.mkdir(gate);
    const mount = `type=bind,src=${gate},dst=/gate,options=rbind:rw`;
    const script = "while [ ! -e /gate/open ]; do sleep 0.05; done; exit 42";
    await ok(daemon, ["run", "-d", "--mount", mount, reference, "quitter", "sh", "-c", script]);
    const pid = Number(/quitter\s+(\d+)/.exec(await ok(daemon, ["tasks", "ls"]))![1]);
    await daemon.crash();
    await Deno.writeTextFile(`${gate}/open`, "");
    await gone(pid);
    await daemon.restart();
    assert.equal(await statusOf(daemon, "quitter"), "STOPPED");
    assert.equal(await ok(daemon, ["tasks", "wait", "quitter"]), "42\n");
    const removal = await daemon.ctr(["tasks", "rm", "quitter"]);
    assert.match(removal.stderr, /non-zero exit code 42/);
    await ok(daemon, ["containers", "rm", "quitter"]);
  },

  "a client that waits learns of the daemon's death; its container does not": async (
    { daemon, image: reference },
  ) => {
    await ok(daemon, ["run", "-d", reference, "waited-for", "sleep", "1000"]);
    const waiting = daemon.ctr(["tasks", "wait", "waited-for"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await daemon.crash();
    const { code, stderr } = await waiting;
    assert.equal(code, 1);
    assert.match(stderr, /^ctr: [^\n]+\n$/);
    await daemon.restart();
    assert.equal(await statusOf(daemon, "waited-for"), "RUNNING");
  },
};

Deno.test("kill -9 of the daemon, and nothing is left after each:", (t) =>
  withDaemon(async (victim) => {
    for (const [name, death] of Object.entries(deaths)) {
      await t.step(name, async () => {
        await death(victim);
        await ok(victim.daemon, ["rm", "-f", "--all"]);
        await nothingLeft(victim);
      });
    }
  }));

async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => undefined);
    if (state === undefined || / Z /.test(state)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`process ${pid} did not end`);
}

import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { TaskExit } from "../../../lib/api/events/task.ts";
import { type Given, until, withDaemon } from "./support.ts";

const limit = ["--memory-limit", String(8 << 20)];
const greedy = ["tail", "/dev/zero"];

/** Topics of the tasks' events from now on; of an exit with the process's id. */
async function listen({ daemon, namespace }: Given) {
  const client = await Client.connect(daemon.address, { namespace });
  const seen: string[] = [];
  const abort = new AbortController();
  const { signal } = abort;
  const reading = (async () => {
    const filters = [`namespace==${namespace},topic~=^/tasks/(oom|exit)`];
    for await (const { topic, event } of client.services.events.subscribe({ filters }, { signal })) {
      seen.push(topic === "/tasks/exit" ? `exit ${TaskExit.decode(event!.value).id}` : topic.slice(7));
    }
  })().catch(() => {});
  return {
    seen,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await reading;
      await client[Symbol.asyncDispose]();
    },
  };
}

Deno.test("an exec that is killed for want of memory is told of before its exit, while the container goes on", () =>
  withDaemon(async (given) => {
    const { ok, run } = given;
    await run("web", limit, "sleep", "1000");
    await using events = await listen(given);
    await until("somebody listens", async () => {
      await given.daemon.ctr(["-n", given.namespace, "tasks", "exec", "--exec-id", "first", "web", "true"]);
      return events.seen.length > 0;
    });
    events.seen.length = 0;
    const { code } = await given.daemon.ctr(
      ["-n", given.namespace, "tasks", "exec", "--exec-id", "e1", "web", ...greedy],
    );
    assert.equal(code, 137);
    await until("both are told", () => events.seen.length === 2);
    assert.deepEqual(events.seen, ["oom", "exit e1"]);
    assert.match(await ok(["tasks", "ls"]), /web .*RUNNING/);
    // Its cgroup's removal adds to the kernel's counter too, which is no kill.
    await ok(["tasks", "kill", "-s", "KILL", "web"]);
    await ok(["tasks", "wait", "web"]);
    await ok(["tasks", "rm", "web"]);
    assert.deepEqual(events.seen.slice(2), ["exit web"]);
  }));

Deno.test("the shim that takes over from a dead one hears of kills and tells metrics", () =>
  withDaemon(async (given) => {
    const { daemon, ok, run } = given;
    await run("web", limit, "sleep", "1000");
    await run("idle", [], "sleep", "1000");
    const shim = await shimOf(daemon.state);
    Deno.kill(shim, "SIGKILL");
    await until("another shim is there", async () => {
      const other = await shimOf(daemon.state);
      return other !== 0 && other !== shim;
    });
    assert.match(await ok(["tasks", "metrics", "web"]), /memory\.limit_in_bytes +8388608/);
    await using events = await listen(given);
    await until("the kill is told", async () => {
      await daemon.ctr(["-n", given.namespace, "tasks", "exec", "--exec-id", "e", "web", ...greedy]);
      return events.seen.includes("oom");
    });
    const json = JSON.parse(await ok(["tasks", "metrics", "--format", "json", "web"]));
    assert.ok(json.memory_oom_control.oom_kill >= 1);
    assert.match(await ok(["tasks", "ls"]), /idle .*RUNNING/);
  }));

/** The pid of the shim that serves a state directory; 0 for none. */
async function shimOf(state: string): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(state)) return Number(name);
  }
  return 0;
}

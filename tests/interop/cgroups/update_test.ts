/** Updates of running containers: what they change, and how they fail, with containerd and with us. */
import assert from "node:assert/strict";
import { locateCgroup } from "../../../lib/cgroups/mod.ts";
import { type Client, CtrError, resourcesUrl } from "../../../mod.ts";
import { type Side, Sides, until } from "./sides.ts";

/** JSON of resources, and the container that it is for. An absent message kills containerd's shim: not tried. */
const updates: (readonly [id: string, json: string, typeUrl?: string])[] = [
  ["runs", '{"memory":{"limit":33554432}}'],
  ["runs", '{"pids":{"limit":77}}'],
  ["runs", '{"cpu":{"shares":512,"quota":20000,"period":100000}}'],
  ["runs", '{"cpu":{"cpus":"0"}}'],
  ["runs", "{}"],
  ["runs", "null"],
  ["runs", '{"nosuch":1}'],
  ["runs", '{"pids":{"limit":78}}', "something.else"],
  ["runs", ""],
  ["runs", '{"memory":'],
  ["runs", "[]"],
  ["runs", '{"memory":{"limit":"x"}}'],
  ["runs", '{"cpu":{"shares":-3}}'],
  ["runs", '{"memory":{"limit":4096}}'],
  ["runs", '{"cpu":{"cpus":"99"}}'],
  ["runs", '{"cpu":{"quota":1,"period":1}}'],
  ["paused", '{"pids":{"limit":7}}'],
  ["ended", '{"pids":{"limit":7}}'],
  ["ended", '{"pids":'],
  ["taskless", '{"pids":{"limit":7}}'],
  ["nosuch", '{"pids":{"limit":7}}'],
];

const files = [
  ["memory", "memory.limit_in_bytes"],
  ["pids", "pids.max"],
  ["cpu", "cpu.shares"],
  ["cpu", "cpu.cfs_quota_us"],
  ["cpuset", "cpuset.cpus"],
] as const;

Deno.test("updates of resources succeed and fail as with containerd", async (t) => {
  await using sides = await Sides.start();
  const outcomes: string[][] = [];
  for (const side of [sides.theirs, sides.ours]) {
    await side.run("runs", [], "sleep", "1000");
    await side.run("paused", [], "sleep", "1000");
    await side.ctr(["tasks", "pause", "paused"]);
    await side.run("ended", [], "true");
    await until("it has ended", async () => (await side.ctr(["tasks", "ls"])).match(/ended .*STOPPED/));
    await side.run("taskless", [], "true");
    await until("it has ended", async () => (await side.ctr(["tasks", "ls"])).match(/taskless .*STOPPED/));
    await side.ctr(["tasks", "rm", "taskless"]);
    await using client = await side.connect();
    const seen = [];
    for (const update of updates) seen.push(`${update.join(" ")}: ${await outcome(client, update)}`);
    seen.push(...await limitsOf(side, "runs"), ...await limitsOf(side, "paused"));
    outcomes.push(seen);
    await side.ctr(["tasks", "resume", "paused"]);
  }
  assert.deepEqual(outcomes[1], outcomes[0]);
  assert.equal(outcomes[1]!.filter((line) => line.endsWith(": ok")).length, 9);
  await t.step("without resources ours is refused, and goes on", async () => {
    await using client = await sides.ours.connect();
    await assert.rejects(client.services.tasks.update({ containerId: "runs" }), /names no resources/);
    assert.match(await sides.ours.ctr(["tasks", "ls"]), /runs .*RUNNING/);
  });
  await t.step("an error names the container and the reason, in runc's words", async () => {
    await using client = await sides.ours.connect();
    const update = (id: string, json: string) =>
      client.services.tasks.update({ containerId: id, resources: resourcesOf(json) });
    await assert.rejects(update("runs", '{"memory":{"limit":4096}}'), /unable to set memory limit to 4096/);
    await assert.rejects(update("runs", '{"memory":'), /resources for container runs: .*JSON/);
    await assert.rejects(update("ended", "{}"), /cannot update a stopped container: ended/);
  });
});

const resourcesOf = (json: string, typeUrl = resourcesUrl) => ({
  typeUrl,
  value: new TextEncoder().encode(json),
});

/** "ok", or the class of the error. */
async function outcome(
  client: Client,
  [containerId, json, typeUrl]: typeof updates[number],
): Promise<string> {
  try {
    await client.services.tasks.update({ containerId, resources: resourcesOf(json, typeUrl) });
    return "ok";
  } catch (error) {
    assert.ok(error instanceof CtrError, String(error));
    return `error ${error.code}`;
  }
}

async function limitsOf(side: Side, id: string): Promise<string[]> {
  const line = (await side.ctr(["tasks", "ls"])).split("\n").find((line) => line.startsWith(`${id} `));
  const cgroup = locateCgroup(Number(line!.trim().split(/\s+/)[1]))!;
  assert.equal(cgroup.version, 1, "this test is for a host of version 1");
  return await Promise.all(files.map(async ([controller, file]) => {
    const dir = cgroup.version === 1 ? cgroup.dirs.get(controller) : "";
    return `${id} ${file} ${(await Deno.readTextFile(`${dir}/${file}`)).trim()}`;
  }));
}

/** What containerd and we tell of the same kind of container, and of the very same one. */
import assert from "node:assert/strict";
import { Metrics } from "../../../lib/api/cgroups/v1/metrics.ts";
import { locateCgroup, readMetrics } from "../../../lib/cgroups/mod.ts";
import type { Client } from "../../../mod.ts";
import { ctrPath, run } from "../../harness/mod.ts";
import { type Side, Sides, until } from "./sides.ts";

const limits = ["--memory-limit", "67108864", "--cpus", "0.5"];
/** Uses memory, files, processor time, is short of memory twice, and sleeps. */
const script =
  "dd if=/dev/zero of=/f bs=1M count=4 2>/dev/null; tail /dev/zero; tail /dev/zero; exec sleep 1000";

Deno.test("metrics and their endpoint are containerd's", async (t) => {
  await using sides = await Sides.start();
  const { theirs, ours } = sides;
  for (const side of [theirs, ours]) {
    await side.run("plain", [], "sleep", "1000");
    await side.run("busy", limits, "sh", "-c", script);
    await until("busy sleeps", async () => (await commandOf(side, "busy")).startsWith("sleep"));
  }
  await t.step(
    "our reader finds in a container's cgroup, field by field, what containerd tells of it",
    () => sameReading(theirs),
  );
  await t.step("our daemon tells of its own what is in their cgroups", () => sameReading(ours));
  await t.step("Go's ctr prints the same lines and fields for ours", () => sameOutput(theirs, ours));
  await t.step("our ctr prints what Go's does, on either daemon", () => sameByOurCtr([theirs, ours]));
  await t.step("filters choose tasks by id and namespace", () => sameFilters(theirs, ours));
  await t.step(
    "Prometheus finds the same metrics: names, types, words, labels, limits",
    () => sameFamilies(theirs, ours),
  );
  await t.step("stopped tasks still tell; those without a task don't", () => stopped(theirs, ours));
});

async function pidOf(side: Side, id: string): Promise<number> {
  const line = (await side.ctr(["tasks", "ls"])).split("\n").find((line) => line.startsWith(`${id} `));
  return Number(line!.trim().split(/\s+/)[1]);
}

const commandOf = async (side: Side, id: string) =>
  (await Deno.readTextFile(`/proc/${await pidOf(side, id)}/cmdline`)).replaceAll("\0", " ");

/** The counts of one that sleeps stand still, but for what the kernel does late: so it is tried again. */
async function sameReading(side: Side): Promise<void> {
  await using client = await side.connect();
  for (const id of ["plain", "busy"]) {
    const cgroup = locateCgroup(await pidOf(side, id))!;
    assert.equal(cgroup.version, 1, "this test is for a host of version 1");
    let [told, read] = [await ask(client, id), Metrics.decode((await readMetrics(cgroup)).value)];
    for (let tries = 0; tries < 20 && shown(told) !== shown(read); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      [told, read] = [await ask(client, id), Metrics.decode((await readMetrics(cgroup)).value)];
    }
    assert.deepEqual(told, read);
    assert.ok(told.memory!.usage!.usage > 0n && told.cpu!.usage!.total > 0n && told.pids!.current === 1n);
    if (id === "busy") assert.equal(told.memoryOomControl?.oomKill, 2n);
  }
}

async function ask(client: Client, id: string): Promise<Metrics> {
  const { metrics: [metric] } = await client.services.tasks.metrics({ filters: [`id==${id}`] });
  assert.deepEqual([metric?.id, metric?.data?.typeUrl], [id, "io.containerd.cgroups.v1.Metrics"]);
  assert.ok(metric!.timestamp!.seconds > 0n);
  return Metrics.decode(metric!.data!.value);
}

const shown = (value: unknown) =>
  JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part);

async function sameOutput(theirs: Side, ours: Side): Promise<void> {
  const table = async (side: Side) =>
    (await side.ctr(["tasks", "metrics", "busy"])).split("\n").map((line) =>
      line.replace(/\d{4}-.* UTC/, "TIME").replace(/^(cpuacct\S*|memory.usage\S*|memory.stat\S*) .*/, "$1")
        .replaceAll(/ +/g, " ")
    );
  assert.deepEqual(await table(ours), await table(theirs));
  const json = async (side: Side) =>
    JSON.parse(await side.ctr(["tasks", "metrics", "--format", "json", "busy"]));
  const [a, b] = [await json(theirs), await json(ours)];
  assert.deepEqual(Object.keys(b), Object.keys(a));
  for (const path of [["memory", "usage", "limit"], ["memory", "hierarchical_memory_limit"], ["pids"]]) {
    assert.deepEqual(at(b, path), at(a, path), path.join("."));
  }
}

// deno-lint-ignore no-explicit-any
const at = (value: any, path: string[]) => path.reduce((inner, key) => inner[key], value);

async function sameByOurCtr(sides: Side[]): Promise<void> {
  for (const side of sides) {
    for (const format of [[], ["--format", "json"]]) {
      const args = ["tasks", "metrics", ...format, "busy"];
      const both = async () => {
        const ours = await run(ctrPath, ["-a", side.daemon.address, "-n", side.namespace, ...args]);
        return [ours.stdout, await side.ctr(args)].map((text) =>
          text.replace(/(TIMESTAMP +)\n/, "TIMESTAMP\n").replace(/\d{4}-.* UTC +/, "TIME")
        );
      };
      await until("both print the same", async () => {
        const [ours, go] = await both();
        return ours !== "" && ours === go;
      }).catch(async () => assert.equal(...await both() as [string, string]));
    }
  }
  const [theirs] = sides;
  const args = ["-a", theirs!.daemon.address, "-n", theirs!.namespace, "tasks", "metrics"];
  const missing = await run(ctrPath, [...args, "nosuch"]);
  assert.deepEqual(missing.stderr, (await theirs!.tryCtr(["tasks", "metrics", "nosuch"])).stderr);
  assert.match((await run(ctrPath, [...args, "--format", "xml", "busy"])).stderr, /must be table or json/);
}

async function sameFilters(theirs: Side, ours: Side): Promise<void> {
  const found = async (side: Side, filters: string[]) => {
    await using client = await side.connect();
    try {
      return (await client.services.tasks.metrics({ filters })).metrics.map(({ id }) => id).sort();
    } catch (error) {
      return String(error).includes("invalid argument") ? "refused" : String(error);
    }
  };
  for (
    const filters of [
      [],
      ["id==busy"],
      ["id~=^p"],
      ["id==busy", "id==plain"],
      ["id==busy,id==plain"],
      ["id!=busy"],
      ["id"],
      ["namespace!=x"],
      ["namespace==x"],
      ["runtime==x"],
      ["labels.a==b"],
      ["pid>1"],
      ["=="],
    ]
  ) assert.deepEqual(await found(ours, filters), await found(theirs, filters), filters.join(" | "));
}

/** What is said of containers: `# HELP`, `# TYPE`, and names with labels, those of the test replaced. */
function familiesIn(text: string, side: Side): string[] {
  const lines = text.split("\n").filter((line) =>
    /^(# (HELP|TYPE) )?container_/.test(line) && !/container_memory_oom/.test(line)
  );
  return lines.map((line) =>
    line.startsWith("#") ? line : line.replace(/ \S+$/, "").replace(side.namespace, "NAMESPACE")
  ).sort();
}

async function sameFamilies(theirs: Side, ours: Side): Promise<void> {
  const [a, b] = [await theirs.scrape(), await ours.scrape()];
  assert.deepEqual(familiesIn(b, ours), familiesIn(a, theirs));
  for (const name of ["memory_usage_limit_bytes", "memory_hierarchical_memory_limit_bytes", "pids_current"]) {
    const value = (text: string) =>
      Number(new RegExp(`^container_${name}\\{container_id="busy",.*\\} (\\S+)$`, "m").exec(text)?.[1]);
    assert.equal(value(b), value(a), name);
    assert.ok(value(b) > 0, name);
  }
  // Documented by containerd, which has no values for it since its shims watch.
  assert.match(b, /^container_memory_oom_total\{container_id="busy",.*\} 2$/m);
}

async function stopped(theirs: Side, ours: Side): Promise<void> {
  for (const side of [theirs, ours]) {
    await side.ctr(["tasks", "kill", "-s", "KILL", "plain"]);
    await until("plain has stopped", async () => (await side.ctr(["tasks", "ls"])).match(/plain .*STOPPED/));
    assert.match(await side.ctr(["tasks", "metrics", "plain"]), /pids\.current +0/);
    await side.ctr(["tasks", "rm", "plain"]);
    assert.equal((await side.tryCtr(["tasks", "metrics", "plain"])).code, 1);
    assert.doesNotMatch(await side.scrape(), /container_id="plain"/);
  }
}

/** Where the shim itself is: what it does for containers leaves it there. */
import assert from "node:assert/strict";
import { until, withDaemon } from "./support.ts";

Deno.test("the shim stays in the cgroup that somebody has put it into, whatever it starts", async () => {
  await withDaemon(async ({ daemon, namespace, run, ok }) => {
    await run("first", [], "sleep", "1000");
    const shim = await shimOf(daemon.state);
    const dir = `/sys/fs/cgroup/pids/${namespace}-shim`;
    const home = `/sys/fs/cgroup/pids${await placeOf(shim)}`;
    await Deno.mkdir(dir);
    try {
      await Deno.writeTextFile(`${dir}/cgroup.procs`, String(shim), { create: false });
      await run("second", [], "sleep", "1000");
      await ok(["tasks", "exec", "--exec-id", "one", "second", "true"]);
      // What it asks of the kernel for the exec is done beside it.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await placeOf(shim), `/${namespace}-shim`);
    } finally {
      await Deno.writeTextFile(`${home}/cgroup.procs`, String(shim), { create: false });
      await until("the cgroup is gone", () => Deno.remove(dir).then(() => true, () => false));
    }
    await ok(["rm", "-f", "--all"]);
  });
});

async function placeOf(pid: number): Promise<string> {
  const lines = (await Deno.readTextFile(`/proc/${pid}/cgroup`)).split("\n");
  return lines.find((line) => line.split(":")[1] === "pids")!.split(":")[2]!;
}

/** The process whose command line says that it is the shim of a state directory. */
async function shimOf(state: string): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(state)) return Number(name);
  }
  assert.fail("no shim runs");
}

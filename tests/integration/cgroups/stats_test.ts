import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { ctrPath } from "../../harness/mod.ts";
import { type Given, until, withDaemon } from "./support.ts";

interface Row {
  name: string;
  cpu_percent?: number;
  memory_bytes: number;
  memory_limit_bytes: number;
  network_received_bytes?: number;
  pids: number;
}

const rowsOf = (text: string): Row[] =>
  text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));

Deno.test("ctr stats shows what containers use, once or as it changes; tasks update changes their limits", (t) =>
  withDaemon(async (given) => {
    const { ok, run } = given;
    await t.step("without containers there is a heading alone", async () => {
      assert.match(
        await ok(["stats", "--no-stream"]),
        /^NAME +CPU% +MEM USAGE\/LIMIT +MEM% +NET I\/O .*PIDS +\n$/,
      );
      assert.equal(await ok(["stats", "--no-stream", "--format", "json"]), "");
    });
    await run("busy", ["--memory-limit", "67108864"], "sh", "-c", "sleep 1000 & while true; do :; done");
    await run("host", ["--net-host"], "sleep", "1000");
    await run("over", [], "true");
    await until("it has ended", async () => /over .*STOPPED/.test(await ok(["tasks", "ls"])));
    await t.step("all that run, or those that are named", () => once(given));
    await t.step("live, as lines and on a terminal", () => live(given));
    await t.step("limits by flags, by file and by standard input", () => update(given));
    await t.step("the library tells and changes the same", () => library(given));
  }));

async function once({ ok, fails }: Given): Promise<void> {
  const rows = rowsOf(await ok(["stats", "--no-stream", "--format", "json"]));
  assert.deepEqual(rows.map(({ name }) => name), ["busy", "host"]);
  const [busy, host] = rows;
  assert.ok(busy!.cpu_percent! > 0, "it counts");
  assert.equal(busy!.memory_limit_bytes, 67108864);
  assert.equal(busy!.pids, 2);
  assert.equal(busy!.network_received_bytes, 0);
  assert.equal(host!.network_received_bytes, undefined, "the host's counts are not its own");
  assert.ok(host!.memory_limit_bytes > 2 ** 28, "the host's memory");
  assert.match(await ok(["top", "--no-stream", "host"]), /\nhost +\d\S*% .* -- +0B \/ 0B +1 +\n$/);
  // A named one is shown even if it has ended.
  const [over] = rowsOf(await ok(["stats", "--no-stream", "--format", "json", "over"]));
  assert.equal(over?.pids, 0);
  assert.match(await fails(["stats", "--no-stream", "busy", "nosuch"]), /task nosuch: not found/);
  assert.match(await fails(["stats", "--format", "xml"]), /format must be table or json/);
  assert.match(await fails(["stats", "--interval", "1ms"]), /--interval must be 100ms or more/);
}

async function live({ daemon, namespace }: Given): Promise<void> {
  const command = [ctrPath, "-a", daemon.address, "-n", namespace, "stats", "--interval", "100ms"];
  const lines = await readUntil([...command, "--format", "json"], (text) => text.split("\n").length > 6);
  assert.deepEqual(rowsOf(lines).slice(0, 4).map(({ name }) => name), ["busy", "host", "busy", "host"]);
  // script(1) gives it a terminal.
  const terminal = ["script", "--quiet", "--return", "--command", command.join(" "), "/dev/null"];
  const shown = await readUntil(terminal, (text) => text.split("\x1b[H").length > 3);
  const [, first, second] = shown.replaceAll("\x1b", "^").split("^[H");
  for (const picture of [first!, second!]) {
    assert.match(picture, /^NAME +CPU%.*\^\[K\r\nbusy .*\^\[K\r\nhost .*\^\[K\r\n\^\[J$/);
  }
}

/** What a command that doesn't end by itself prints, whole lines, until there is enough. */
async function readUntil([command, ...args]: string[], enough: (text: string) => boolean): Promise<string> {
  const child = new Deno.Command(command!, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (enough(text)) break;
  }
  child.kill("SIGTERM");
  await child.status;
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

async function update({ ok, fails, pidOf, scratch, daemon, namespace }: Given): Promise<void> {
  const pid = await pidOf("busy");
  const paths = new Map(
    (await Deno.readTextFile(`/proc/${pid}/cgroup`)).split("\n").flatMap((line) => {
      const [, names, path] = line.split(":");
      return (names ?? "").split(",").map((name) => [name, `/sys/fs/cgroup/${name}${path}`] as const);
    }),
  );
  const limit = async (controller: string, file: string) =>
    (await Deno.readTextFile(`${paths.get(controller)}/${file}`)).trim();
  const flags = ["--memory-limit", "33554432", "--cpus", "0.25", "--cpu-shares", "512", "--pids-limit", "9"];
  assert.equal(await ok(["tasks", "update", ...flags, "--cpuset-cpus", "0", "busy"]), "");
  assert.deepEqual(
    [
      await limit("memory", "memory.limit_in_bytes"),
      await limit("cpu", "cpu.cfs_quota_us"),
      await limit("cpu", "cpu.shares"),
      await limit("pids", "pids.max"),
      await limit("cpuset", "cpuset.cpus"),
    ],
    ["33554432", "25000", "512", "9", "0"],
  );
  await Deno.writeTextFile(scratch.join("limits.json"), '{"pids":{"limit":11}}');
  await ok(["tasks", "update", "--resources", scratch.join("limits.json"), "busy"]);
  assert.deepEqual([await limit("pids", "pids.max"), await limit("cpu", "cpu.shares")], ["11", "512"]);
  const args = ["-n", namespace, "tasks", "update", "--resources", "-", "busy"];
  assert.equal((await daemon.ctr(args, { stdin: '{"pids":{"limit":12}}' })).code, 0);
  assert.equal(await limit("pids", "pids.max"), "12");
  await ok(["tasks", "update", "--pids-limit", "-1", "--cpus", "-1", "busy"]);
  assert.deepEqual([await limit("pids", "pids.max"), await limit("cpu", "cpu.cfs_quota_us")], ["max", "-1"]);
  assert.match(await fails(["tasks", "update", "busy"]), /no limit given/);
  assert.match(
    await fails(["tasks", "update", "--memory-limit", "4096", "busy"]),
    /unable to set memory limit/,
  );
  assert.match(await fails(["tasks", "update", "--pids-limit", "1", "nosuch"]), /"nosuch".*not found/);
}

async function library({ daemon, namespace }: Given): Promise<void> {
  await using client = await Client.connect(daemon.address, { namespace });
  const task = await (await client.container("busy")).task();
  await task.update({ pids: { limit: 33 } });
  const found = await task.metrics();
  assert.equal(found.id, "busy");
  assert.ok(found.at.getTime() > Date.now() - 60_000);
  assert.equal(found.version === 1 && found.metrics.pids?.limit, 33n);
  await assert.rejects(task.update({ memory: { limit: 4096 } }), /unable to set memory limit to 4096/);
}

/**
 * A thousand execs that fail, and a thousand clients that attach and hang up, leave daemon and shim as they were
 * (CVE-2022-23471, CVE-2025-64329): descriptors, threads, files, calls under way, memory.
 */
import assert from "node:assert/strict";
import { ExecProcessRequest } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { anyJson } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { Client } from "../../../mod.ts";
import type { Longshore } from "../../harness/mod.ts";
import { must } from "../../harness/mod.ts";
import { ok, until, withDaemon } from "./support.ts";

const times = 1000;
/** Done before the first count: what is kept once for all is there by then. */
const before = 40;
const together = 8;
/** What memory may differ by for other reasons, in MiB; a descriptor's worth of state for each would be more. */
const slack = 32;

const count = (dir: string) => [...Deno.readDirSync(dir)].length;

async function often(times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: together }, lane));
}

function shimOf({ state }: Longshore): number {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = tryRead(`/proc/${name}/cmdline`).split("\0");
    if (line.includes("shim") && line.includes(state)) return Number(name);
  }
  throw new Error("no shim");
}

function tryRead(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** How much a process holds that must be given back; threads that do nothing end by themselves, later. */
const held = (pid: number) => [
  count(`/proc/${pid}/fd`),
  count(`/proc/${pid}/task`),
  tryRead(`/proc/${pid}/task/${pid}/children`).split(" ").filter((one) => one).length,
];

const memoryOf = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(tryRead(`/proc/${pid}/status`))?.[1] ?? NaN) / 1024;

/** Does `work` so often, and compares what daemon and shim hold before and after. */
async function leavesNothing(daemon: Longshore, work: (n: number) => Promise<unknown>): Promise<void> {
  const [own, shim] = [daemon.pid, shimOf(daemon)];
  const facts = () => [
    ...[own, shim].flatMap(held),
    ...[`${daemon.state}/shim`, `${daemon.state}/tasks/default/crowded`].map(count),
  ];
  await often(before, work);
  // Connections end a moment after their clients.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [first, memory] = [facts(), [own, shim].map(memoryOf)];
  await often(times - before, (n) => work(before + n));
  let now: number[] = [];
  let grown: number[] = [];
  await until("daemon and shim hold no more than before", () => {
    now = facts();
    // Garbage is collected when there is time.
    grown = [own, shim].map((pid, n) => memoryOf(pid) - memory[n]!);
    return now.every((much, n) => much <= first[n]!) && grown.every((mebibytes) => mebibytes < slack);
  }).catch(() => {
    const counts = `descriptors, threads, children of both, files: were ${first}, are ${now}`;
    assert.fail(`${counts}; memory grew by ${grown} MiB`);
  });
}

Deno.test("1,000 execs that fail to start, with a terminal, leave nothing", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", image, "crowded", "sleep", "1000");
    await using client = await Client.connect(daemon.address);
    const { tasks } = client.services;
    const stdout = `${daemon.state}/out`;
    await must("mkfifo", [stdout]);
    using _reader = await Deno.open(stdout, { read: true, write: true });
    const spec = anyJson("types.containerd.io/opencontainers/runtime-spec/1/Process", {
      args: ["/nosuch"],
      cwd: "/",
      terminal: true,
      user: { uid: 0, gid: 0 },
    });
    await leavesNothing(daemon, async (n) => {
      const name = { containerId: "crowded", execId: `e${n}` };
      await tasks.exec(complete(ExecProcessRequest, { ...name, spec, stdout, terminal: true }));
      await tasks.resizePty({ ...name, width: 80, height: 24 });
      await assert.rejects(tasks.start(name), /OCI runtime exec failed/);
      await tasks.deleteProcess(name);
    });
    const { processes } = await tasks.listPids({ containerId: "crowded" });
    assert.equal(processes.length, 1);
    await Deno.remove(stdout);
    await ok(daemon, "rm", "-f", "crowded");
  }));

Deno.test("1,000 clients that attach and hang up leave nothing", () =>
  withDaemon(async (daemon, image) => {
    const [stdin, stdout] = ["in", "out"].map((name) => `${daemon.state}/${name}`);
    await must("mkfifo", [stdin!, stdout!]);
    await ok(daemon, "containers", "create", image, "crowded", "cat");
    await using client = await Client.connect(daemon.address);
    const { tasks, snapshots } = client.services;
    const { mounts: rootfs } = await snapshots.mounts({ snapshotter: "overlayfs", key: "crowded" });
    await tasks.create({ containerId: "crowded", rootfs, stdin, stdout });
    await tasks.start({ containerId: "crowded" });
    await leavesNothing(daemon, async () => {
      // A client of its own, with all that an attached one has under way, that is gone of a sudden.
      const attached = await Client.connect(daemon.address);
      const waiting = attached.services.tasks.wait({ containerId: "crowded" });
      const events = attached.services.events.subscribe({ filters: [] })[Symbol.asyncIterator]();
      const told = events.next();
      const streams = await Promise.all([
        Deno.open(stdin!, { write: true }),
        Deno.open(stdout!, { read: true }),
      ]);
      await attached.services.tasks.get({ containerId: "crowded" });
      await attached[Symbol.asyncDispose]();
      await assert.rejects(waiting);
      await told.catch(() => {});
      for (const stream of streams) stream.close();
    });
    const reader = Deno.open(stdout!, { read: true });
    await Deno.writeTextFile(stdin!, "still here\n");
    using stream = await reader;
    const buffer = new Uint8Array(100);
    const read = (await stream.read(buffer))!;
    assert.equal(new TextDecoder().decode(buffer.subarray(0, read)), "still here\n");
    await Promise.all([stdin!, stdout!].map((path) => Deno.remove(path)));
    await ok(daemon, "rm", "-f", "crowded");
  }));

/** A daemon with an image, and a look for what is left after each fault. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  type LongshoreOptions,
  mountsBelow,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../harness/mod.ts";
import { cgroupRoots, findLeaks } from "../harness/leaks.ts";

/** What a fault happens to. */
export interface Victim {
  readonly daemon: Longshore;
  readonly image: string;
  /** The containers' cgroup. */
  readonly cgroup: string;
  readonly scratch: Scratch;
  /** Where clients make their FIFOs. */
  readonly fifos: string;
}

/** Starts one; when the test is over nothing of its containers may be left. */
export async function withDaemon(
  test: (victim: Victim) => Promise<void>,
  options: LongshoreOptions = {},
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  const cgroup = scratch.path.split("/").at(-1)!;
  try {
    await using daemon = await startLongshore({ where: "shm", ...options });
    await ok(daemon, "images", "pull", image);
    const victim = { daemon, image, cgroup, scratch, fifos: scratch.join("fifos") };
    await test(victim);
    await nothingLeft(victim);
  } finally {
    for (const dir of cgroupRoots(cgroup)) await Deno.remove(dir).catch(() => {});
  }
}

/** No mount, cgroup, process, FIFO, bundle, or state of runc's. */
export async function nothingLeft({ daemon: { state }, cgroup, fifos }: Victim): Promise<void> {
  const places = [{ path: `${state}/tasks`, cgroup, state }, { path: fifos, empty: [fifos] }];
  assert.deepEqual((await Promise.all(places.map(findLeaks))).flat(), []);
}

/** No mount, bundle or FIFO of a daemon that has no tasks. */
export async function noTraces({ root, state }: Longshore): Promise<void> {
  const leaks = await findLeaks({ path: `${state}/tasks`, state });
  assert.deepEqual([...leaks, ...mountsBelow(root)], []);
}

/** What a command prints. */
export async function ok(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 800; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 20 s: ${what}`);
}

/** Pid and status of every task. */
export async function tasksOf(daemon: Longshore): Promise<Map<string, { pid: number; status: string }>> {
  const lines = (await ok(daemon, "tasks", "ls")).trim().split("\n").slice(1).map((line) =>
    line.split(/\s+/)
  );
  return new Map(lines.map(([id, pid, status]) => [id!, { pid: Number(pid), status: status! }]));
}

/** The process of the daemon's shim. */
export async function shimOf({ state }: Longshore): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(state)) return Number(name);
  }
  throw new Error("no shim runs");
}

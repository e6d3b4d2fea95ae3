/**
 * kill -9 of the daemon or of the shim at each of their fault points (lib/fault.ts), while a user pulls an image,
 * runs a container, executes in it, ends it and removes all: what he was told holds, what failed works when he
 * tries again, and nothing is left in the end.
 */
import assert from "node:assert/strict";
import { type FaultPoint, faultPoints } from "../../lib/fault.ts";
import { Client } from "../../mod.ts";
import {
  busyboxImage,
  type Longshore,
  must,
  type Output,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../harness/mod.ts";
import { cgroupRoots, findLeaks } from "../harness/leaks.ts";
import { diskOf, type Held, nothing } from "../integration/gc/disk.ts";

/** At which of its passes by a point a process dies; the first unless said. */
const passes: Partial<Record<FaultPoint, number[]>> = {
  "content.write": [1, 2],
  "layer.write": [1, 2],
  "content.sync": [1, 3],
  "content.rename": [2],
  "content.renamed": [1, 3],
  "metadata.commit": [1, 2, 4, 7, 11, 16],
  "metadata.committed": [1, 3, 6, 9, 13, 18],
  "gc.swept": [1, 3],
  // Those of the shim are published, too.
  "event.publish": [1, 5, 9, 13],
  "event.published": [2, 6, 10, 14],
  // create, start, exec, start of the exec, its wait and delete, kill, wait, delete
  "task.call": [1, 2, 3, 4, 5, 6, 7, 8, 9],
  "task.answered": [1, 2, 3, 4, 5, 6, 7, 8, 9],
  // the question for its version, create, exec
  "shim.runc": [1, 2],
  "shim.runc-spawned": [1, 2],
  "shim.runc-ended": [1, 2],
  "shim.exit": [1, 2],
  "shim.event": [1, 3, 5],
  "shim.event-sent": [2, 4],
};

/** One step of the user's, and what else than success may mean that it is done. */
interface Step {
  readonly args: readonly string[];
  /** What failures a second try may have, the first having done its work. */
  readonly done?: RegExp;
  /** What a user does before he tries again. */
  readonly clear?: readonly (readonly string[])[];
}

const script = "trap 'exit 7' TERM; while :; do sleep 0.02; done";

const steps = (image: string, id: string, cgroup: string): readonly Step[] => [
  { args: ["images", "pull", image] },
  {
    args: ["run", "-d", "--cgroup", `/${cgroup}/${id}`, image, id, "sh", "-c", script],
    clear: [["tasks", "rm", "-f", id], ["containers", "rm", id], ["snapshots", "rm", id]],
  },
  { args: ["tasks", "exec", "--exec-id", "e", id, "true"], clear: [["tasks", "ps", id]] },
  { args: ["tasks", "kill", "-s", "SIGTERM", id], done: /process already finished|not found/ },
  { args: ["tasks", "wait", id], done: /not found/ },
  { args: ["tasks", "rm", id], done: /not found/ },
  { args: ["containers", "rm", id], done: /not found/ },
  { args: ["images", "rm", "--sync", image], done: /not found/ },
];

/** Does a step, again and again where a process died under it; gives what it printed. */
async function take(daemon: Longshore, { args, done, clear = [] }: Step): Promise<string> {
  let last: Output | undefined;
  for (let n = 0; n < 4; n++) {
    const again = n > 0;
    const output = last = await daemon.ctr(
      again ? args.map((word) => word === "e" ? `e${n}` : word) : [...args],
    );
    if (output.code === 0) return output.stdout;
    if (again && done?.test(output.stderr)) return "";
    await daemon.revive();
    for (const words of clear) await daemon.ctr([...words]);
  }
  assert.fail(`ctr ${args.join(" ")}: ${last?.stderr}`);
}

/** What there is a record of, after a run of the collector. */
async function collected({ address }: Longshore): Promise<Held> {
  await using client = await Client.connect(address, { namespace: "default" });
  await (await client.lease()).delete({ sync: true });
  const blobs = await Array.fromAsync(client.content.list());
  const snapshots = [];
  for await (const { info } of client.services.snapshots.list({ snapshotter: "overlayfs" })) {
    snapshots.push(...info);
  }
  return {
    blobs: blobs.map(({ digest }) => digest),
    ingests: (await client.content.writes()).map(({ ref }) => ref),
    snapshots: snapshots.map(({ name }) => name),
  };
}

/** Collections when there is something to collect, not when a daemon starts. */
const config = `[plugins."io.containerd.gc.v1.scheduler"]\nstartup_delay = "1h"\n`;

/** What a user has when his day begins. */
interface Start {
  readonly image: string;
  /** The root of a daemon that has the image. */
  readonly root: string;
}

/** Points that a pull does not come by need none. */
const withoutPull = (point: FaultPoint) => /^(task|shim)\./.test(point);

/** The whole day of a user, with one death in it. */
async function liveThrough(point: FaultPoint, pass: number, { image, root }: Start): Promise<void> {
  await using scratch = await Scratch.make("shm");
  const fired = scratch.join("fired");
  const where = `${point}:${pass}`;
  const cgroup = scratch.path.split("/").at(-1)!;
  let state = "";
  try {
    const env = { CTR_FAULT: `${where}:${fired}` };
    const prepare = withoutPull(point)
      ? async (dir: string) => void await must("cp", ["-a", root, `${dir}/root`])
      : undefined;
    await using daemon = await startLongshore({ where: "shm", env, config, prepare });
    state = daemon.state;
    const said = [];
    for (const step of steps(image, "c", cgroup)) {
      if (step.args.includes("pull") && withoutPull(point)) continue;
      said.push((await take(daemon, step)).trim());
    }
    await daemon.revive();
    assert.ok(await Deno.stat(fired).then(() => true, () => false), "nobody came by");
    // Who waited for a process that a shim's death left without a parent is told 255: nobody knows its code.
    const code = said.at(-4)!;
    assert.ok(["7", ""].includes(code) || point.startsWith("shim.") && code === "255", `exit code ${code}`);
    assert.deepEqual(await collected(daemon), nothing);
    assert.deepEqual(diskOf(daemon), nothing);
    assert.deepEqual(
      await findLeaks({ path: `${state}/tasks`, cgroup, state }),
      [],
    );
  } catch (error) {
    throw new Error(`killed at ${where}: ${(error as Error).message}`, { cause: error });
  } finally {
    for (const dir of cgroupRoots(cgroup)) await Deno.remove(dir).catch(() => {});
  }
}

Deno.test("a user lives through one death at any point of the daemon or the shim", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  await using model = await startLongshore({ where: "shm" });
  const pulled = await model.ctr(["images", "pull", image]);
  assert.equal(pulled.code, 0, pulled.stderr);
  await model.crash();
  const start = { image, root: model.root };
  const cases = faultPoints.flatMap((point) => (passes[point] ?? [1]).map((pass) => ({ point, pass })));
  const worker = async () => {
    for (let next; (next = cases.shift());) await liveThrough(next.point, next.pass, start);
  };
  const ends = await Promise.allSettled([worker(), worker(), worker()]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
});

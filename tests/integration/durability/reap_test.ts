/** Orphans of each kind are made, found and reaped by `ctr doctor --reap`; who is at work is left alone. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { cgroupRoots, findLeaks } from "../../harness/leaks.ts";
import { busyboxRootfs, ctrPath, type Longshore, must, run } from "../../harness/mod.ts";
import { ok, withRegistry } from "./support.ts";

const doctor = ({ root, state, address }: Longshore, ...flags: string[]) =>
  run(ctrPath, ["--address", address, "doctor", "--root", root, "--state", state, ...flags]);

async function pidOf(daemon: Longshore, id: string): Promise<number> {
  const line = (await ok(daemon, ["tasks", "ls"])).split("\n").find((line) => line.startsWith(`${id} `))!;
  return Number(line.split(/ +/)[1]);
}

async function alive(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return status !== "" && !/^State:\s+Z/m.test(status);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch {
    return false;
  }
}

const longAgo = new Date(Date.now() - 3_600_000);
const shim = "/usr/bin/containerd-shim-runc-v2";

/** A container of runc's in the daemon's place for them, of which no daemon knows. */
async function runByHand({ state }: Longshore, dir: string, cgroup: string): Promise<void> {
  await busyboxRootfs(`${dir}/rootfs`);
  await must("runc", ["spec", "--bundle", dir]);
  const spec = JSON.parse(await Deno.readTextFile(`${dir}/config.json`));
  spec.process.terminal = false;
  spec.process.args = ["sleep", "1000"];
  spec.linux.cgroupsPath = `${cgroup}/by-hand`;
  await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(spec));
  const args = ["--root", `${state}/runc/default`, "run", "--detach", "--bundle", dir, "by-hand"];
  // Its streams are those of runc.
  await must("sh", ["-c", 'runc "$@" </dev/null >/dev/null 2>&1', "sh", ...args]);
}

async function shimsOf(dir: string): Promise<number[]> {
  const found = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(dir)) found.push(Number(name));
  }
  return found;
}

Deno.test("ctr doctor --reap ends and removes every kind of orphan, and nothing else", () =>
  withRegistry(async ({ daemon, reference, scratch }) => {
    const { state } = daemon;
    const cgroup = `/${scratch.path.split("/").at(-1)}`;
    const roots = () => cgroupRoots(cgroup.slice(1)).filter(exists);
    const start = async (id: string, ...flags: string[]) => {
      const args = ["run", "-d", "--cgroup", `${cgroup}/${id}`, ...flags, reference, id, "sleep", "1000"];
      await ok(daemon, args);
      return await pidOf(daemon, id);
    };
    await ok(daemon, ["images", "pull", reference]);
    const worker = await start("worker");

    // A process whose task is lost, as after its state directory was removed by hand.
    const stray = await start("stray");
    const foreign = await start("foreign", "--runtime", shim, "--runc-root", `${state}/elsewhere`);
    await daemon.crash();
    for (const pid of await shimsOf(state)) Deno.kill(pid, "SIGKILL");
    for (const id of ["stray", "foreign"]) {
      await must("umount", ["--lazy", `${state}/tasks/default/${id}/rootfs`]);
      await Deno.remove(`${state}/tasks/default/${id}`, { recursive: true });
    }
    await Deno.remove(`${state}/runc/default/stray`, { recursive: true });
    await daemon.restart();
    // A task whose record somebody has deleted.
    const recordless = await start("recordless");
    await using client = await Client.connect(daemon.address, { namespace: "default" });
    await client.services.containers.delete({ id: "recordless" });
    // A bundle that no daemon made, with a mount in it.
    const bundle = `${state}/tasks/default/unknown`;
    await Deno.mkdir(`${bundle}/rootfs`, { recursive: true });
    await must("mount", ["-t", "tmpfs", "stray", `${bundle}/rootfs`]);
    await Deno.utime(bundle, longAgo, longAgo);
    await runByHand(daemon, scratch.join("by-hand"), cgroup);
    // A shim for one container whose container is gone.
    const own = `${state}/shims/0123456789ab`;
    await Deno.mkdir(own, { recursive: true });
    const lone = new Deno.Command(ctrPath, {
      args: ["shim", "--state", own, "--address", `${daemon.address}.ttrpc`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    await until("it serves", () => Deno.lstat(`${own}/shim/shim.sock`).then(() => true, () => false));
    // Cgroups of a container without a task.
    await ok(daemon, ["containers", "create", "--cgroup", `${cgroup}/idle`, reference, "idle"]);
    for (const root of roots()) await Deno.mkdir(`${root}/idle/inner`, { recursive: true });
    // FIFOs of a client that was killed.
    const fifos = await Deno.makeTempDir({ dir: "/run/longshore/fifo" });
    await must("mkfifo", [`${fifos}/gone-stdout`]);
    await Deno.utime(fifos, longAgo, longAgo);

    const expected = [
      /process \d+ \(\/usr\/bin\/containerd-shim-runc-v2\) serves foreign, whose bundle is gone/,
      new RegExp(`${stray} in ${cgroup}/stray: of a container that no task has`),
      /recordless in the namespace default has no container/,
      /tasks\/default\/unknown: the daemon knows no such task/,
      /runc\/default\/by-hand: runc has a container without a task/,
      /shims\/0123456789ab: the container of this shim is gone/,
      new RegExp(`${cgroup}/idle is left of a container without a task`),
      new RegExp(`${fifos}: nobody has its FIFOs open`),
    ];
    const told = (await doctor(daemon)).stdout;
    for (const words of expected) assert.match(told, words);
    assert.ok(await alive(recordless), "the doctor changes nothing by itself");
    const reaped = await doctor(daemon, "--reap");
    assert.equal(reaped.code, 0, reaped.stderr);
    for (const words of expected) assert.match(reaped.stdout, words);
    const after = (await doctor(daemon)).stdout;
    for (const words of expected) assert.doesNotMatch(after, words);
    await lone.status;

    for (const pid of [stray, foreign, recordless]) assert.ok(!await alive(pid), `${pid} lives`);
    assert.equal(await pidOf(daemon, "worker"), worker);
    assert.ok(await alive(worker));
    // The shim that lost its socket is ended, and another takes over.
    await Deno.remove(`${state}/shim/shim.sock`);
    assert.match(
      (await doctor(daemon, "--reap")).stdout,
      /reaped shims: process \d+ serves \S+, where its socket is gone\n/,
    );
    await until("another shim has it", async () => (await shimsOf(state)).length === 1);
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "worker", "echo", "on"]), "on\n");
    await ok(daemon, ["rm", "-f", "--all"]);
    const leaks = await findLeaks({ path: `${state}/tasks`, state, cgroup: cgroup.slice(1) });
    assert.deepEqual(leaks, []);
    for (const root of roots()) await Deno.remove(root);
  }));

/** containerd.runc.v1.Options: each does what it says, or is refused by name. */
import assert from "node:assert/strict";
import { TaskDefinition } from "../../../lib/api/runtime/task/v3/shim.ts";
import { CheckpointOptions, Options } from "../../../lib/api/types/runc/options/oci.ts";
import { Status } from "../../../lib/api/types/task/task.ts";
import { Code, CtrError } from "../../../lib/errors.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { Fixture } from "./fixture.ts";

const optionsOf = (options: Partial<Options>) =>
  anyOf("containerd.runc.v1.Options", Options, complete(Options, options));

const fails = (code: number, words: RegExp) => (error: unknown) =>
  error instanceof CtrError && error.code === code && words.test(error.message);

/** Where cgroups are mounted; of version 1 some, for others (cpuset) take no process before they are configured. */
function hierarchies(): string[] {
  const version1 = ["memory", "pids", "freezer"].map((controller) => `/sys/fs/cgroup/${controller}`);
  const roots = Deno.readTextFileSync("/proc/self/mounts").split("\n").map((line) => line.split(" "))
    .filter(([, root, type]) => type === "cgroup2" || type === "cgroup" && version1.includes(root!));
  assert.ok(roots.length, "no cgroup hierarchy is mounted");
  return roots.map(([, root]) => root!);
}

/** A runtime that notes how it is called, and is runc. */
async function wrapper(fixture: Fixture): Promise<{ path: string; calls: () => Promise<string[]> }> {
  const [path, log] = [fixture.scratch.join("wrapped-runc"), fixture.scratch.join("calls")];
  await Deno.writeTextFile(path, `#!/bin/sh\necho "$*" >>${log}\nexec runc "$@"\n`, { mode: 0o755 });
  return { path, calls: async () => (await Deno.readTextFile(log)).trim().split("\n") };
}

Deno.test("binary_name and root: another program in the place of runc, and its state elsewhere", async () => {
  await using fixture = await Fixture.start();
  const { path, calls } = await wrapper(fixture);
  const root = fixture.scratch.join("elsewhere");
  const options = optionsOf({ binaryName: path, root, noPivotRoot: true, noNewKeyring: true });
  await fixture.create("wrapped", ["sleep", "1000"], { options });
  assert.ok((await Deno.stat(`${root}/testing/wrapped/state.json`)).isFile);
  await fixture.start("wrapped");
  await fixture.exec("wrapped", "e", ["sh", "-c", "exit 3"]);
  await fixture.start("wrapped", "e");
  assert.equal((await fixture.wait("wrapped", "e")).exitStatus, 3);
  await fixture.tasks.pause(fixture.scope, { containerId: "wrapped" });
  await fixture.kill("wrapped");
  assert.equal((await fixture.wait("wrapped")).exitStatus, 137);
  await fixture.delete("wrapped");
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${root}/testing`)), []);
  const said = await calls();
  const verbs = said.map((line) => /(?:^| )(create|exec|pause|resume|--version)\b/.exec(line)?.[1]);
  assert.deepEqual(verbs, ["--version", "create", "exec", "pause", "resume"]);
  assert.match(said[1]!, /--no-pivot .*--no-new-keyring/);
  for (const line of said.slice(1)) assert.match(line, new RegExp(`--root ${root}/testing `));
});

Deno.test("systemd_cgroup is passed on; without systemd its refusal is told", async () => {
  await using fixture = await Fixture.start();
  const { path, calls } = await wrapper(fixture);
  const options = optionsOf({ binaryName: path, systemdCgroup: true });
  const creating = fixture.create("unit", ["true"], { options }, (spec) => {
    spec.linux.cgroupsPath = `system.slice:longshore:${fixture.cgroup}`;
  });
  await assert.rejects(creating, fails(Code.Unknown, /OCI runtime create failed: .*systemd/));
  assert.match((await calls()).at(-1)!, /--systemd-cgroup/);
});

Deno.test("criu_work_path is where CRIU works, unless a checkpoint names another place", async () => {
  await using fixture = await Fixture.start();
  const { path, calls } = await wrapper(fixture);
  const criuWorkPath = fixture.scratch.join("criu-works");
  await fixture.create("kept", ["sleep", "1000"], { options: optionsOf({ binaryName: path, criuWorkPath }) });
  await fixture.start("kept");
  const checkpoint = async (workPath: string) => {
    const imagePath = fixture.scratch.join("image");
    const options = anyOf(
      "containerd.runc.v1.CheckpointOptions",
      CheckpointOptions,
      complete(CheckpointOptions, { imagePath, workPath }),
    );
    // Whether there is a CRIU is not what this is about.
    await fixture.tasks.checkpoint(fixture.scope, { containerId: "kept", parentCheckpoint: "", options })
      .catch(() => {});
    return (await calls()).at(-1)!;
  };
  assert.match(await checkpoint(""), new RegExp(`checkpoint .*--work-path ${criuWorkPath} `));
  const other = fixture.scratch.join("other");
  assert.match(await checkpoint(other), new RegExp(`checkpoint .*--work-path ${other} `));
});

Deno.test("a shim that dies while another runtime makes a container leaves nothing of it", async () => {
  await using fixture = await Fixture.start();
  const path = fixture.scratch.join("slow-runc");
  const root = fixture.scratch.join("elsewhere");
  // It has made the container when the shim is killed, and never comes back.
  const script = `#!/bin/sh\nrunc "$@" || exit 1\ncase "$*" in *" create "*) kill -9 $PPID;; esac\n`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
  await assert.rejects(fixture.create("lost", ["true"], { options: optionsOf({ binaryName: path, root }) }));
  await fixture.tasks.ready();
  await fixture.restart();
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${root}/testing`)), []);
});

Deno.test("crun runs containers, or what it has against this host is told", async () => {
  await using fixture = await Fixture.start();
  const options = optionsOf({ binaryName: "crun" });
  try {
    assert.equal(await fixture.run("crun", ["sh", "-c", "exit 4"], { options }), 4);
  } catch (error) {
    assert.ok(fails(Code.Unknown, /OCI runtime create failed: .*cgroup/)(error), String(error));
  }
});

Deno.test("io_uid and io_gid own the pipes that a process gets", async () => {
  await using fixture = await Fixture.start();
  const log = `file://${fixture.scratch.join("log")}`;
  const options = optionsOf({ ioUid: 1234, ioGid: 4321 });
  const { pid } = await fixture.create("piped", ["sleep", "1000"], { options, stdout: log, stderr: log });
  // runc gives them to the container's user, and leaves the group.
  assert.equal((await Deno.stat(`/proc/${pid}/fd/1`)).gid, 4321);
  await fixture.start("piped");
  await fixture.exec("piped", "e", ["sleep", "1000"], { stdout: log });
  const { pid: exec } = await fixture.start("piped", "e");
  assert.equal((await Deno.stat(`/proc/${exec}/fd/1`)).gid, 4321);
  assert.equal((await Deno.stat("/dev/null")).gid, 0);
});

Deno.test("options of another kind are refused by name", async () => {
  await using fixture = await Fixture.start();
  const options = { typeUrl: "runtimeoptions.v1.Options", value: new Uint8Array() };
  await assert.rejects(
    fixture.create("other", ["true"], { options }),
    fails(Code.InvalidArgument, /runtimeoptions\.v1\.Options, not containerd\.runc\.v1\.Options/),
  );
});

Deno.test("shim_cgroup: the container has a shim of its own there, which outlives its daemon and is replaced", async () => {
  await using fixture = await Fixture.start();
  const cgroup = `/${fixture.cgroup}/shim`;
  const dirs = hierarchies().map((root) => root + cgroup);
  for (const dir of dirs) await Deno.mkdir(dir, { recursive: true });
  const options = optionsOf({ shimCgroup: cgroup });
  const processes = async () => (await Deno.readTextFile(`${dirs[0]}/cgroup.procs`)).trim();
  try {
    await fixture.create("common", ["sleep", "1000"]);
    await fixture.create("own", ["sleep", "1000"], { options });
    await fixture.start("own");
    const [dir] = await Array.fromAsync(Deno.readDir(`${fixture.state}/shims`));
    const socket = `${fixture.state}/shims/${dir!.name}/shim/shim.sock`;
    const shimOf = async () => {
      await using channel = await connectTtrpc(socket);
      return (await channel.stub(TaskDefinition, fixture.scope).connect({ id: "own" })).shimPid;
    };
    const first = await shimOf();
    assert.equal(await processes(), String(first), "the shim alone is in the cgroup");
    assert.notEqual(first, await fixture.shimPid("common"));

    await fixture.restart();
    assert.equal((await fixture.stateOf("own")).status, Status.RUNNING);
    assert.equal(await shimOf(), first);
    await fixture.exec("own", "e", ["sh", "-c", "exit 5"]);
    await fixture.start("own", "e");
    assert.equal((await fixture.wait("own", "e")).exitStatus, 5);

    Deno.kill(first, "SIGKILL");
    await fixture.eventually(async () => await shimOf().catch(() => first) !== first);
    assert.equal(await processes(), String(await shimOf()));
    assert.equal((await fixture.stateOf("common")).status, Status.CREATED);
    await fixture.kill("own");
    assert.equal(
      (await fixture.wait("own")).exitStatus,
      255,
      "whose parent died can't be asked for its code",
    );
    await fixture.delete("own");
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${fixture.state}/shims`)), []);
    await fixture.eventually(async () => await processes() === "");
    await assert.rejects(
      fixture.create("nowhere", ["true"], { options: optionsOf({ shimCgroup: `${cgroup}/nosuch` }) }),
      fails(Code.Unavailable, /shim cgroup \S+\/nosuch is in no cgroup hierarchy/),
    );
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${fixture.state}/shims`)), []);
  } finally {
    await fixture.eventually(async () => await processes() === "");
    for (const dir of dirs) await Deno.remove(dir);
  }
});

Deno.test("task_api_address: a shim that somebody else has started serves the task, and is not ended", async () => {
  await using fixture = await Fixture.start();
  await fixture.tasks.ready();
  const address = `unix://${fixture.shimSocket}`;
  await fixture.create("guest", ["sh", "-c", "exit 6"], {
    options: optionsOf({ taskApiAddress: address, taskApiVersion: 3 }),
  });
  await fixture.restart();
  const ended = fixture.wait("guest");
  await fixture.start("guest");
  assert.equal((await ended).exitStatus, 6);
  await fixture.delete("guest");
  assert.equal(await fixture.run("after", ["true"]), 0);
  await assert.rejects(
    fixture.create("vm", ["true"], { options: optionsOf({ taskApiAddress: "vsock://3:1024" }) }),
    fails(Code.Unimplemented, /task_api_address serves version 2 by ttrpc at "vsock:\/\/3:1024"/),
  );
});

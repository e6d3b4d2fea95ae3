import assert from "node:assert/strict";
import { TaskExit, TaskStart } from "../../../lib/api/events/task.ts";
import { Options } from "../../../lib/api/types/runc/options/oci.ts";
import { Status } from "../../../lib/api/types/task/task.ts";
import { Code, CtrError } from "../../../lib/errors.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { Fixture } from "./fixture.ts";

const fails = (code: number, words: RegExp) => (error: unknown) =>
  error instanceof CtrError && error.code === code && words.test(error.message);

Deno.test("a task runs from create to delete, with its events in order, when nothing goes wrong", async () => {
  await using fixture = await Fixture.start();
  const { pid } = await fixture.create("life", ["sh", "-c", "exit 3"]);
  assert.equal((await fixture.stateOf("life")).status, Status.CREATED);
  const ended = fixture.wait("life");
  assert.equal((await fixture.start("life")).pid, pid);
  assert.equal((await ended).exitStatus, 3);
  assert.equal((await fixture.stateOf("life")).status, Status.STOPPED);
  assert.equal((await fixture.wait("life")).exitStatus, 3);
  const { exitStatus, exitedAt } = await fixture.delete("life");
  assert.equal(exitStatus, 3);
  assert.ok(Math.abs(Number(exitedAt!.seconds) - Date.now() / 1000) < 60);
  await assert.rejects(fixture.stateOf("life"), fails(Code.NotFound, /task life not found/));
  await fixture.eventually(() => fixture.topics("life").includes("/tasks/delete"));
  assert.deepEqual(fixture.topics("life"), ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]);
  const [, start, exit] = fixture.events.map(({ event }) => event!);
  assert.deepEqual(TaskStart.decode(start!.value), { containerId: "life", pid });
  assert.equal(start!.typeUrl, "containerd.events.TaskStart");
  assert.equal(TaskExit.decode(exit!.value).exitStatus, 3);
});

Deno.test("a task's exit code is 128 and the signal when a signal ends it", async () => {
  await using fixture = await Fixture.start();
  for (const signal of [9, 15]) {
    await fixture.create(`sig${signal}`, ["sleep", "1000"], {}, (spec) => {
      // pid 1 of a pid namespace has no default handlers, so TERM needs a process that isn't the first.
      spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    });
    await fixture.start(`sig${signal}`);
    await fixture.kill(`sig${signal}`, signal);
    assert.equal((await fixture.wait(`sig${signal}`)).exitStatus, 128 + signal);
    await assert.rejects(fixture.kill(`sig${signal}`), fails(Code.NotFound, /process already finished/));
    await fixture.delete(`sig${signal}`);
  }
});

Deno.test("wait answers within milliseconds of the exit", async () => {
  await using fixture = await Fixture.start();
  const delays = [];
  for (let n = 0; n < 7; n++) {
    await fixture.create(`quick${n}`, ["true"]);
    const ended = fixture.wait(`quick${n}`).then(({ exitedAt }) =>
      performance.timeOrigin + performance.now() - (Number(exitedAt!.seconds) * 1000 + exitedAt!.nanos / 1e6)
    );
    await fixture.start(`quick${n}`);
    delays.push(await ended);
    await fixture.delete(`quick${n}`);
  }
  const median = delays.toSorted((a, b) => a - b)[3]!;
  assert.ok(median < 5, `${median} ms`);
});

Deno.test("what a task's state forbids is FailedPrecondition", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("busy", ["sleep", "1000"]);
  await fixture.start("busy");
  await assert.rejects(
    fixture.start("busy"),
    fails(Code.FailedPrecondition, /cannot start a running process/),
  );
  await assert.rejects(
    fixture.delete("busy"),
    fails(Code.FailedPrecondition, /cannot delete a running process/),
  );
  await assert.rejects(fixture.create("busy", []), fails(Code.AlreadyExists, /task busy/));
  await fixture.kill("busy");
  await fixture.wait("busy");
  await assert.rejects(
    fixture.start("busy"),
    fails(Code.FailedPrecondition, /cannot start a stopped process/),
  );
  await assert.rejects(fixture.create("none", [], { containerId: "other" }), fails(Code.NotFound, /other/));
});

Deno.test("a task that was never started can be deleted", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("never", ["true"]);
  await fixture.delete("never");
  await fixture.eventually(() => fixture.topics("never").includes("/tasks/delete"));
  assert.deepEqual(fixture.topics("never"), ["/tasks/create", "/tasks/exit", "/tasks/delete"]);
});

Deno.test("a failure of runc is told with its reason and leaves nothing", async () => {
  await using fixture = await Fixture.start();
  await assert.rejects(
    fixture.create("absent", ["/no/such/program"]),
    fails(Code.Unknown, /OCI runtime create failed: .*no such file or directory/),
  );
  assert.deepEqual((await fixture.tasks.list(fixture.scope, { filter: "" })).tasks, []);
  assert.deepEqual(fixture.topics("absent"), []);
});

Deno.test("a runc that is missing or too old is refused by name and leaves nothing", async () => {
  await using fixture = await Fixture.start();
  const old = fixture.scratch.join("oldrunc");
  await Deno.writeTextFile(old, "#!/bin/sh\necho runc version 1.0.0-rc6\n", { mode: 0o755 });
  const refused: [string, number, RegExp][] = [
    ["nosuchrunc", Code.Unknown, /"nosuchrunc": executable file not found in \$PATH/],
    [old, Code.FailedPrecondition, /oldrunc is version 1.0.0-rc6: runc 1.0 or newer is needed/],
  ];
  for (const [binaryName, code, words] of refused) {
    const options = anyOf("containerd.runc.v1.Options", Options, complete(Options, { binaryName }));
    await assert.rejects(fixture.create("bad", ["true"], { options }), fails(code, words));
  }
});

Deno.test("execs run beside the first process, have codes and events of their own", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("main", ["sleep", "1000"]);
  await fixture.start("main");
  await fixture.exec("main", "e1", ["sh", "-c", "exit 7"]);
  await assert.rejects(fixture.exec("main", "e1", ["true"]), fails(Code.AlreadyExists, /e1/));
  const ended = fixture.wait("main", "e1");
  await fixture.start("main", "e1");
  assert.equal((await ended).exitStatus, 7);
  const { id, exitStatus } = await fixture.tasks.deleteProcess(fixture.scope, {
    containerId: "main",
    execId: "e1",
  });
  assert.deepEqual([id, exitStatus], ["e1", 7]);
  await assert.rejects(fixture.wait("main", "e1"), fails(Code.NotFound, /process does not exist/));
  await fixture.eventually(() => fixture.topics("main").includes("/tasks/exit"));
  assert.deepEqual(fixture.topics("main").slice(2), [
    "/tasks/exec-added",
    "/tasks/exec-started",
    "/tasks/exit",
  ]);
  await fixture.exec("main", "e2", ["sleep", "1000"]);
  await fixture.start("main", "e2");
  const { processes } = await fixture.tasks.pids(fixture.scope, { containerId: "main" });
  // By pid, in no order: pids start over at some point.
  assert.deepEqual(processes.map(({ info }) => info?.typeUrl ?? "").sort(), [
    "",
    "containerd.runc.v1.ProcessDetails",
  ]);
  await fixture.kill("main", 9, "e2");
  assert.equal((await fixture.wait("main", "e2")).exitStatus, 137);
  await fixture.exec("main", "e3", ["/no/such/program"]);
  await assert.rejects(
    fixture.start("main", "e3"),
    fails(Code.Unknown, /OCI runtime exec failed: .*no such file/),
  );
});

Deno.test("pause freezes a task, resume lets it go on, and a frozen one can be killed", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("cold", ["sleep", "1000"]);
  await fixture.start("cold");
  await fixture.tasks.pause(fixture.scope, { containerId: "cold" });
  assert.equal((await fixture.stateOf("cold")).status, Status.PAUSED);
  await fixture.tasks.resume(fixture.scope, { containerId: "cold" });
  assert.equal((await fixture.stateOf("cold")).status, Status.RUNNING);
  await fixture.tasks.pause(fixture.scope, { containerId: "cold" });
  await fixture.kill("cold");
  assert.equal((await fixture.wait("cold")).exitStatus, 137);
});

Deno.test("fifty containers run at once and each keeps its own exit code", async () => {
  await using fixture = await Fixture.start();
  const codes = await Promise.all(
    Array.from({ length: 50 }, (_, n) => fixture.run(`many${n}`, ["sh", "-c", `exit ${n}`])),
  );
  assert.deepEqual(codes, Array.from({ length: 50 }, (_, n) => n));
});

Deno.test("a container's process has no descriptors but its three (CVE-2024-21626)", async () => {
  await using fixture = await Fixture.start();
  const { pid } = await fixture.create("fds", ["sleep", "1000"]);
  await fixture.start("fds");
  await fixture.eventually(async () => (await Deno.readTextFile(`/proc/${pid}/comm`)).startsWith("sleep"));
  const open = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => name).sort();
  assert.deepEqual(open, ["0", "1", "2"]);
  for (const cwd of [7, 8, 9, 10].map((fd) => `/proc/self/fd/${fd}`)) {
    await assert.rejects(fixture.create(`cwd${cwd.at(-1)}`, ["true"], {}, (spec) => spec.process.cwd = cwd));
  }
});

Deno.test("the shim's socket is root's alone and has a path (CVE-2020-15257)", async () => {
  await using fixture = await Fixture.start();
  await fixture.tasks.ready();
  assert.equal((await Deno.stat(fixture.shimSocket)).mode! & 0o777, 0o600);
  assert.equal((await Deno.stat(`${fixture.state}/shim`)).mode! & 0o777, 0o700);
  const abstract = (await Deno.readTextFile("/proc/net/unix")).split("\n").filter((line) =>
    line.includes(" @") && line.includes(fixture.scratch.path)
  );
  assert.deepEqual(abstract, []);
});

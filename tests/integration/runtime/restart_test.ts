import assert from "node:assert/strict";
import { TaskExit } from "../../../lib/api/events/task.ts";
import { Status } from "../../../lib/api/types/task/task.ts";
import { Fixture, fromSource } from "./fixture.ts";

Deno.test("a daemon killed with -9 leaves its containers running, and its successor finds them", async () => {
  await using fixture = await Fixture.start();
  const daemon = await startDaemon(fixture, "survivor");
  const { pid } = await fixture.reopened("survivor");
  daemon.kill("SIGKILL");
  await daemon.status;
  await fixture.hangUp();

  assert.ok((await Deno.readTextFile(`/proc/${pid}/comm`)).startsWith("sleep"));
  Deno.kill(pid, "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = Date.now() / 1000;
  fixture.listen();
  await fixture.restart();
  const { status, exitStatus, exitedAt } = await fixture.stateOf("survivor");
  assert.deepEqual([status, exitStatus], [Status.STOPPED, 137]);
  assert.ok(Number(exitedAt!.seconds) <= before);
  assert.equal((await fixture.wait("survivor")).exitStatus, 137);
  await fixture.eventually(() => fixture.topics("survivor").includes("/tasks/exit"));
  assert.equal(fixture.topics("survivor").filter((topic) => topic === "/tasks/exit").length, 1);
});

Deno.test("events wait in the shim, in order, while no daemon takes them", async () => {
  await using fixture = await Fixture.start();
  await fixture.tasks.ready();
  await fixture.hangUp();
  for (const code of [1, 2, 3]) await fixture.run(`kept${code}`, ["sh", "-c", `exit ${code}`]);
  assert.equal(fixture.events.length, 0);
  fixture.listen();
  await fixture.eventually(() => fixture.events.length === 12);
  const cycle = ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"];
  assert.deepEqual(fixture.events.map(({ topic }) => topic), [...cycle, ...cycle, ...cycle]);
  const exits = fixture.events.filter(({ topic }) => topic === "/tasks/exit");
  assert.deepEqual(exits.map(({ event }) => TaskExit.decode(event!.value).exitStatus), [1, 2, 3]);
});

Deno.test("a shim killed with -9 is replaced by one that adopts what still runs", async () => {
  await using fixture = await Fixture.start();
  const { pid } = await fixture.create("orphan", ["sleep", "1000"]);
  await fixture.start("orphan");
  const ended = fixture.wait("orphan");
  Deno.kill(await fixture.shimPid("orphan"), "SIGKILL");
  await fixture.eventually(async () =>
    (await fixture.stateOf("orphan").catch(() => undefined)) !== undefined
  );
  assert.equal((await fixture.stateOf("orphan")).status, Status.RUNNING);
  Deno.kill(pid, "SIGKILL");
  assert.equal((await ended).exitStatus, 255, "its code can't be known");
  await fixture.delete("orphan");
});

Deno.test("a shim killed with -9 is replaced at once, so that exits are told though nobody asks", async () => {
  await using fixture = await Fixture.start();
  const { pid } = await fixture.create("lone", ["sleep", "1000"]);
  await fixture.start("lone");
  await fixture.eventually(() => fixture.topics("lone").length === 2);
  Deno.kill(await fixture.shimPid("lone"), "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 500));
  Deno.kill(pid, "SIGKILL");
  await fixture.eventually(() => fixture.topics("lone").includes("/tasks/exit"));
});

Deno.test("what a daemon left half made is removed by its successor", async () => {
  await using fixture = await Fixture.start();
  const bundle = `${fixture.state}/tasks/testing/half`;
  await Deno.mkdir(`${bundle}/rootfs`, { recursive: true });
  await fixture.restart();
  await assert.rejects(Deno.lstat(bundle), Deno.errors.NotFound);
});

Deno.test("the shim ends with the daemon when it has no tasks, and stays when it has", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("kept", ["sleep", "1000"]);
  const pid = await fixture.shimPid("kept");
  await fixture.restart();
  assert.equal(await fixture.shimPid("kept"), pid);
  await fixture.delete("kept");
  await fixture.tasks[Symbol.asyncDispose]();
  await fixture.eventually(() => !alive(pid));
});

function alive(pid: number): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return false;
  }
}

/** A process with a task manager of its own that starts one sleeping container and then waits. */
async function startDaemon(fixture: Fixture, id: string): Promise<Deno.ChildProcess> {
  fixture.add(id, ["sleep", "1000"]);
  const overlay = await fixture.overlay(id);
  const entry = new URL("./daemon_entry.ts", import.meta.url).pathname;
  const { command, args } = fromSource([]);
  const child = new Deno.Command(command, {
    args: [...args.slice(0, -1), entry],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const order = {
    state: fixture.state,
    address: fixture.scratch.join("daemon.ttrpc"),
    id,
    rootfs: [overlay],
    spec: new TextDecoder().decode(fixture.containers.get(id)!.spec!.value),
  };
  await writer.write(new TextEncoder().encode(JSON.stringify(order)));
  await writer.close();
  const { value } = await child.stdout.values().next();
  assert.equal(new TextDecoder().decode(value).trim(), "running");
  return child;
}

import assert from "node:assert/strict";
import { Container, ContainersDefinition } from "../../../lib/api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { Captured, Client, type Signal } from "../../../lib/client/mod.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { defaultSpec, specUrl } from "../../../lib/oci/mod.ts";
import { anyJson } from "../../../lib/rpc/any.ts";
import { localChannel } from "../../../lib/rpc/local.ts";
import { complete, service, type ServiceImpl } from "../../../lib/rpc/service.ts";

/** A client of a daemon that has a container `c`, whose tasks are what the test makes of them. */
function clientOf(tasks: ServiceImpl<typeof TasksDefinition>): Client {
  const spec = anyJson(specUrl, defaultSpec("default", "c"));
  const containers = service(ContainersDefinition, {
    get: ({ id }) => Promise.resolve({ container: complete(Container, { id, spec }) }),
  });
  return Client.over(localChannel([containers, service(TasksDefinition, tasks)]));
}

Deno.test("input's end is told when the task is there, however short the input", async () => {
  const told: string[] = [];
  const closed = Promise.withResolvers<void>();
  await using client = clientOf({
    create: async ({ stdin, stdout, stderr }) => {
      // As a shim does: it opens the pipes, and all input is there before anybody can be told that it has ended.
      const outputs = await Promise.all([stdout, stderr].map((path) => Deno.open(path, { write: true })));
      told.push(await Deno.readTextFile(stdin));
      for (const output of outputs) output.close();
      // Time for a call that is made too early to arrive.
      await new Promise((resolve) => setTimeout(resolve, 50));
      told.push("created");
      return { containerId: "c", pid: 1 };
    },
    closeIO: () => {
      told.push("closed");
      closed.resolve();
      return Promise.resolve({});
    },
    delete: () => Promise.resolve({ id: "", pid: 1, exitStatus: 0, exitedAt: undefined }),
  });
  const task = await client.container("c").newTask(new Captured({ stdin: "typed" }));
  await closed.promise;
  assert.deepEqual(told, ["typed", "created", "closed"]);
  await task.delete();
});

Deno.test("a task that can't be made leaves no pipe and no wait behind", async () => {
  let dir = "";
  await using client = clientOf({
    create: ({ stdin }) => {
      dir = stdin.slice(0, stdin.lastIndexOf("/"));
      return Promise.reject(new Error("no"));
    },
  });
  await assert.rejects(client.container("c").newTask(new Captured({ stdin: "typed" })));
  await assert.rejects(Deno.lstat(dir), Deno.errors.NotFound);
});

Deno.test("signals are sent by name and number; what is none is refused, and nothing is sent", async () => {
  const sent: number[] = [];
  await using client = clientOf({
    create: () => Promise.resolve({ containerId: "c", pid: 1 }),
    kill: ({ signal }) => {
      sent.push(signal);
      return Promise.resolve({});
    },
  });
  const task = await client.container("c").newTask();
  for (const signal of ["SIGHUP", "SIGTERM", "SIGWINCH", "SIGSYS", 9, 64] as const) await task.kill(signal);
  assert.deepEqual(sent, [1, 15, 28, 31, 9, 64]);
  for (const bad of ["TERM", "SIGNOT", "", "constructor", 0, -1, 65, 1.5, NaN]) {
    await assert.rejects(
      task.kill(bad as Signal),
      (error) => isError(error, Code.InvalidArgument),
      String(bad),
    );
  }
  assert.equal(sent.length, 6);
});

Deno.test("an exec's variables take the place of the container's", async () => {
  let process: { env: string[]; args: string[]; cwd: string } | undefined;
  await using client = clientOf({
    create: () => Promise.resolve({ containerId: "c", pid: 1 }),
    exec: ({ spec }) => {
      process = JSON.parse(new TextDecoder().decode(spec!.value));
      return Promise.resolve({});
    },
  });
  const task = await client.container("c").newTask();
  await task.exec("e", { args: ["true"], env: ["PATH=/bin", "A=b"], cwd: "/tmp" });
  assert.deepEqual([process!.env, process!.args, process!.cwd], [["PATH=/bin", "A=b"], ["true"], "/tmp"]);
});

Deno.test("an exit is asked for before the start: a short process is gone soon", async () => {
  const asked: string[] = [];
  await using client = clientOf({
    create: () => Promise.resolve({ containerId: "c", pid: 1 }),
    start: () => (asked.push("start"), Promise.resolve({ pid: 1 })),
    wait: () => (asked.push("wait"), Promise.resolve({ exitStatus: 3, exitedAt: undefined })),
  });
  const task = await client.container("c").newTask();
  await task.start();
  assert.equal((await task.wait()).code, 3);
  assert.deepEqual(asked, ["wait", "start"]);
});

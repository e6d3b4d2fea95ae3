/** A shim that speaks gRPC: what `start` answers decides how it is spoken to. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { cgroupRoots, findLeaks } from "../../harness/leaks.ts";

const program = new URL("./grpc_shim.ts", import.meta.url).pathname;

async function ok(daemon: Longshore, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}\n${daemon.log()}`);
  return stdout;
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

async function processNaming(...words: string[]): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (words.every((word) => line.includes(word))) return Number(name);
  }
  throw new Error(`no process ${words.join(" ")}`);
}

Deno.test("a shim may speak gRPC: it runs containers, is found again by the next daemon, and its log is told", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const shim = scratch.join("containerd-shim-grpc-v3");
  await Deno.writeTextFile(
    shim,
    `#!/bin/sh\nexec ${Deno.execPath()} run -A --unstable-kv --quiet --no-check ${program} "$@"\n`,
    { mode: 0o755 },
  );
  const cgroup = scratch.path.split("/").at(-1)!;
  let state = "";
  {
    const PATH = `${scratch.path}:${Deno.env.get("PATH")}`;
    await using daemon = await startLongshore({ where: "shm", env: { PATH } });
    state = daemon.state;
    const image = await push(await busyboxImage(scratch), registry, "box:1");
    await ok(daemon, ["images", "pull", image]);
    const run = (id: string, ...command: string[]) =>
      ["--runtime", "io.containerd.grpc.v3", "--cgroup", `/${cgroup}/${id}`, image, id].concat(command);
    const { code, stdout } = await daemon.ctr(["run", "--rm", ...run("one", "sh", "-c", "echo out; exit 7")]);
    assert.deepEqual([code, stdout], [7, "out\n"], daemon.log());
    await until(
      "its log was told",
      () => daemon.log().includes("shim of default/one: was told MAX_SHIM_VERSION=3 NAMESPACE=default"),
    );
    await ok(daemon, ["run", "-d", ...run("two", "sleep", "1000")]);
    const before = await ok(daemon, ["tasks", "ls"]);
    await daemon.crash();
    await daemon.restart();
    assert.equal(await ok(daemon, ["tasks", "ls"]), before);
    assert.equal(await ok(daemon, ["tasks", "exec", "--exec-id", "e", "two", "echo", "hi"]), "hi\n");
    await Deno.writeTextFile(`${state}/tasks/default/two/log`, "after the crash\n");
    await until("its log goes on", () => daemon.log().includes("shim of default/two: after the crash"));
    await ok(daemon, ["tasks", "kill", "-s", "SIGKILL", "two"]);
    assert.equal(await ok(daemon, ["tasks", "wait", "two"]), "137\n");
    await ok(daemon, ["rm", "two"]);

    await ok(daemon, ["run", "-d", ...run("three", "sleep", "1000")]);
    const waiting = daemon.ctr(["events", 'topic=="/tasks/exit"']);
    await until("somebody listens", async () => {
      await ok(daemon, ["tasks", "exec", "--exec-id", `e${Math.random()}`, "three", "true"]);
      return true;
    });
    Deno.kill(await processNaming("grpc_shim.ts", `${state}/tasks/default/three/shim`), "SIGKILL");
    await until("the task is gone", async () => await ok(daemon, ["tasks", "ls", "-q"]) === "");
    await daemon.crash();
    assert.match((await waiting).stdout, /"exit_status":77/, "as the executable's delete has said");
    await daemon.restart();
    await ok(daemon, ["rm", "three"]);
  }
  await until("nothing is left", async () => (await findLeaks({ path: state, cgroup })).length === 0)
    .catch(async () => assert.deepEqual(await findLeaks({ path: state, cgroup }), []));
  for (const dir of cgroupRoots(cgroup)) await Deno.remove(dir).catch(() => {});
});

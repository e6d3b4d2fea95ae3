import assert from "node:assert/strict";
import { findLeaks } from "../../harness/leaks.ts";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

async function ok(daemon: Longshore, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Processes whose command line names the daemon's state: itself, its helpers, its shim. */
async function processes(daemon: Longshore): Promise<string[]> {
  return (await findLeaks({ path: daemon.state })).filter((leak) => leak.startsWith("process "));
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not within 10 seconds: ${what}`);
}

Deno.test("a daemon that ends while containers run leaves them and their shim, and nothing else", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using daemon = await startLongshore({ where: "shm" });
  await ok(daemon, ["images", "pull", reference]);
  await ok(daemon, ["run", "-d", reference, "stays", "sleep", "1000"]);
  const before = await ok(daemon, ["tasks", "ls"]);
  const pid = Number(/stays\s+(\d+)/.exec(before)![1]);

  Deno.kill(daemon.pid, "SIGTERM");
  await until("only the shim is left", async () => {
    const left = await processes(daemon);
    return left.length === 1 && / shim /.test(left[0]!);
  });
  const sockets = [...Deno.readDirSync(daemon.state)].filter(({ name }) => name.includes("sock"));
  assert.deepEqual(sockets, []);
  assert.match(await Deno.readTextFile(`/proc/${pid}/cmdline`), /sleep/);

  await daemon.restart();
  assert.equal(await ok(daemon, ["tasks", "ls"]), before);
  await ok(daemon, ["tasks", "rm", "--force", "stays"]);
  await ok(daemon, ["containers", "rm", "stays"]);
});

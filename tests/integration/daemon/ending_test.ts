import assert from "node:assert/strict";
import { findLeaks } from "../../harness/leaks.ts";
import { ctrPath, run, Scratch, Server } from "../../harness/mod.ts";

async function startDaemon(scratch: Scratch): Promise<Server> {
  const [root, state] = [scratch.join("root"), scratch.join("state")];
  return await Server.start({
    command: ctrPath,
    args: ["daemon", "--root", root, "--state", state],
    log: scratch.join("log"),
    ready: () => Deno.stat(`${state}/longshore.sock.ttrpc`).then(() => true, () => false),
  });
}

/** What stays: the shim answers the daemon before it ends, so it may take a moment longer. */
async function leaksAtLast(path: string): Promise<string[]> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await findLeaks({ path })).length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return await findLeaks({ path });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`a daemon told to end by ${signal} ends with 0 and takes its sockets and idle shim along`, async () => {
    await using scratch = await Scratch.make();
    const daemon = await startDaemon(scratch);
    const address = scratch.join("state", "longshore.sock");
    // Somebody who listens for events is no reason to stay.
    const events = run(ctrPath, ["--address", address, "events"]);
    assert.equal((await run(ctrPath, ["--address", address, "version"])).code, 0);
    assert.equal((await daemon.stop(signal)).code, 0, daemon.log());
    await events;
    assert.deepEqual(
      [...Deno.readDirSync(scratch.join("state"))].map(({ name }) => name).filter((name) =>
        /sock/.test(name)
      ),
      [],
    );
    assert.deepEqual(await leaksAtLast(scratch.path), []);
  });
}

Deno.test("a second daemon on the same root is refused, and told who has it", async () => {
  await using scratch = await Scratch.make();
  const first = await startDaemon(scratch);
  try {
    const root = scratch.join("root");
    const args = ["daemon", "--root", root, "--state", scratch.join("other")];
    const { code, stderr } = await run(ctrPath, args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^ctr: root ${root} is in use by another daemon \\(process ${first.pid}\\)[^\\n]*\\n$`),
    );
  } finally {
    await first.stop();
  }
});

import assert from "node:assert/strict";
import { type Longshore, startLongshore } from "../../harness/mod.ts";
import { diskOf } from "./disk.ts";

async function ok(daemon: Longshore, args: string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args, { stdin });
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const config = (lines: string) =>
  `[plugins."io.containerd.gc.v1.scheduler"]\nstartup_delay = "1h"\n${lines}\n`;

async function untilEmpty(daemon: Longshore): Promise<void> {
  for (let tries = 0; tries < 400 && diskOf(daemon).blobs.length; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.deepEqual(diskOf(daemon).blobs, []);
}

Deno.test("the configured number of deletions brings a collection, and no fewer", async () => {
  const lines = "mutation_threshold = 0\ndeletion_threshold = 2";
  await using daemon = await startLongshore({ where: "shm", config: config(lines) });
  await ok(daemon, ["content", "ingest", "garbage"], "garbage");
  for (const id of ["a", "b"]) await ok(daemon, ["leases", "create", "--id", id]);
  await ok(daemon, ["leases", "rm", "a"]);
  assert.equal(diskOf(daemon).blobs.length, 1);
  await ok(daemon, ["leases", "rm", "b"]);
  await untilEmpty(daemon);
});

Deno.test("the configured number of mutations brings a collection, and no fewer", async () => {
  const lines = "mutation_threshold = 40\ndeletion_threshold = 1000";
  await using daemon = await startLongshore({ where: "shm", config: config(lines) });
  await ok(daemon, ["content", "ingest", "garbage"], "garbage");
  await ok(daemon, ["leases", "create", "--id", "a"]);
  await ok(daemon, ["leases", "rm", "a"]);
  assert.equal(diskOf(daemon).blobs.length, 1);
  for (let n = 0; n < 40; n++) await ok(daemon, ["namespaces", "create", `n${n}`]);
  await untilEmpty(daemon);
});

Deno.test("a key of the collector's that is wrong ends the start in one line", async () => {
  await assert.rejects(
    startLongshore({ where: "shm", config: config("mutation_threshold = -1") }),
    /mutation_threshold must be a whole number/,
  );
});

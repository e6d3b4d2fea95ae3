import assert from "node:assert/strict";
import { type Longshore, push, richImage, Scratch, startLongshore, startRegistry } from "../harness/mod.ts";
import { SlowProxy } from "../harness/proxy.ts";
import { noTraces } from "./support.ts";

/** Bytes of the largest ingest under way. */
function largestIngest(root: string): number {
  try {
    const dirs = [...Deno.readDirSync(`${root}/content/ingest`)];
    return Math.max(0, ...dirs.map(({ name }) => Deno.statSync(`${root}/content/ingest/${name}/data`).size));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within 20 seconds: ${what}`);
}

async function snapshotDirs(daemon: Longshore): Promise<number> {
  const names = [];
  for await (const { name } of Deno.readDir(`${daemon.root}/snapshots/overlayfs`)) names.push(name);
  return names.length;
}

Deno.test("a pull cut by kill -9 in the middle of a layer resumes from where it was, and leaves nothing behind", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await push(await richImage(scratch), registry, "rich:latest");
  await using proxy = new SlowProxy(registry, 8000);
  await using daemon = await startLongshore({ where: "shm" });
  const reference = `${proxy.host}/rich:latest`;

  const cut = daemon.ctr(["images", "pull", reference]);
  await until("a few MB of the largest layer are in its ingest", () => largestIngest(daemon.root) > 4 << 20);
  await daemon.crash();
  const { code, stderr } = await cut;
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: [^\n]+\n$/);

  const had = largestIngest(daemon.root);
  proxy.rate = 0;
  proxy.requests.length = 0;
  await daemon.restart();
  const again = await daemon.ctr(["images", "pull", reference]);
  assert.equal(again.code, 0, again.stderr);
  const resumed = proxy.requests.map((request) => Number(/ bytes=(\d+)-/.exec(request)?.[1] ?? 0));
  assert.ok(
    Math.max(...resumed) >= 4 << 20,
    `${had} bytes were there, asked for: ${proxy.requests.join(", ")}`,
  );

  const check = await daemon.ctr(["images", "check"]);
  assert.match(check.stdout, /complete \(6\/6\).* true\n/);
  assert.equal((await daemon.ctr(["content", "active"])).stdout.trim().split("\n").length, 1);
  await until("left-overs of the cut pull are swept", async () => await snapshotDirs(daemon) === 5);
  assert.equal((await daemon.ctr(["leases", "ls", "-q"])).stdout, "");
  await noTraces(daemon);
});

Deno.test("kill -9 right after a pull has succeeded loses nothing of it", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await richImage(scratch), registry, "rich:latest");
  await using daemon = await startLongshore({ where: "shm" });
  assert.equal((await daemon.ctr(["images", "pull", reference])).code, 0);
  await daemon.crash();
  await daemon.restart();
  assert.match((await daemon.ctr(["images", "check"])).stdout, /complete \(6\/6\).* true\n/);
});

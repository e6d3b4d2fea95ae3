import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { busyboxImage, push, richImage, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { SlowProxy } from "../../harness/proxy.ts";

/** How often each blob was asked for. */
function downloads(requests: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const request of requests) {
    const digest = /^GET \S*\/blobs\/(sha256:\w+)/.exec(request)?.[1];
    if (digest) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  return counts;
}

Deno.test("ten clients that pull an image at once make one download and one unpacking", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await push(await richImage(scratch), registry, "rich:latest");
  await using proxy = new SlowProxy(registry, 100_000);
  await using daemon = await startLongshore({ where: "shm" });
  const reference = `${proxy.host}/rich:latest`;

  const byCommand = Array.from({ length: 5 }, async () => {
    const { code, stderr } = await daemon.ctr(["images", "pull", reference]);
    assert.equal(code, 0, stderr);
  });
  const byLibrary = Array.from({ length: 5 }, async () => {
    await using client = await Client.connect(daemon.address, { namespace: "default" });
    const image = await client.pull(reference);
    assert.ok(await image.isUnpacked());
  });
  await Promise.all([...byCommand, ...byLibrary]);

  const counts = downloads(proxy.requests);
  assert.equal(counts.size, 6);
  assert.deepEqual([...counts.values()], Array(6).fill(1));
  // Numbers of snapshots are never given twice: the next one tells how many there were.
  const dirs = [...Deno.readDirSync(`${daemon.root}/snapshots/overlayfs`)].map(({ name }) => Number(name));
  assert.equal(Math.max(...dirs), 5);
});

Deno.test("ten images with a layer in common fetch it once", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await busyboxImage(scratch);
  await using proxy = new SlowProxy(registry, 4000);
  const names = Array.from({ length: 10 }, (_, n) => `copy${n}:latest`);
  for (const name of names) await push(image, registry, name);
  await using daemon = await startLongshore({ where: "shm" });
  await Promise.all(names.map(async (name) => {
    const { code, stderr } = await daemon.ctr(["images", "pull", `${proxy.host}/${name}`]);
    assert.equal(code, 0, stderr);
  }));
  const layers = [...downloads(proxy.requests).values()];
  assert.equal(Math.max(...layers), 1);
  assert.equal((await daemon.ctr(["images", "ls", "-q"])).stdout.trim().split("\n").length, 10);
});

Deno.test("a client that gives up does not take the others' pull away", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using proxy = new SlowProxy(registry, 500);
  await using daemon = await startLongshore({ where: "shm" });
  await using client = await Client.connect(daemon.address, { namespace: "default" });
  const reference = `${proxy.host}/busybox:latest`;
  const abort = new AbortController();
  const given = client.pull(reference, { signal: abort.signal });
  const kept = client.pull(reference);
  setTimeout(() => abort.abort(new Error("enough")), 300);
  await assert.rejects(given, /enough/);
  assert.ok(await (await kept).isUnpacked());
});

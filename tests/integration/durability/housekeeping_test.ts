import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { diskOf, nothing, recordsOf } from "../gc/disk.ts";
import { ok, type Place, withRegistry } from "./support.ts";

/** The collector doesn't run by itself, but for its start. */
const config = `[plugins."io.containerd.gc.v1.scheduler"]
startup_delay = "1h"
mutation_threshold = 0
deletion_threshold = 100000
`;
const quietly = (test: (place: Place) => Promise<void>) => withRegistry(test, { config });

/** The line of a kind: count, size, reclaimable. */
function row(text: string, kind: string): string[] {
  return RegExp(`^(${kind}) +(\\d+) +([\\d.]+ \\w+) +(.*?) *$`, "m").exec(text)!.slice(1);
}

Deno.test("prune removes what nothing leads to, tells it with its size, and with --dry-run only tells", () =>
  quietly(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["content", "ingest", "garbage"], "x".repeat(5000));
    await using client = await Client.connect(daemon.address);
    await client.services.snapshots.prepare({ snapshotter: "overlayfs", key: "loose" });
    const past = new Date(Date.now() - 1000).toISOString();
    await client.services.leases.create({ id: "over", labels: { "containerd.io/gc.expire": past } });
    const before = [diskOf(daemon), await recordsOf(daemon)];
    const told = await ok(daemon, ["prune", "--dry-run"]);
    assert.match(told, /^content +sha256:[0-9a-f]{64} +4\.9 KiB/m);
    assert.match(told, /^snapshot +overlayfs\/loose /m);
    assert.match(told, /^lease +over +0\.0 B/m);
    assert.match(told, /^would free /m);
    assert.deepEqual([diskOf(daemon), await recordsOf(daemon)], before);

    const done = await ok(daemon, ["prune"]);
    assert.equal(done.replace("freed", "would free"), told);
    assert.equal(diskOf(daemon).blobs.length, before[0]!.blobs.length - 1);
    assert.equal(diskOf(daemon).snapshots.length, 2);
    assert.equal(await ok(daemon, ["leases", "ls", "-q"]), "");
    assert.equal(await ok(daemon, ["prune"]), "freed 0.0 B\n");
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(4 blobs, 2 snapshots\)/);
  }));

Deno.test("prune --all removes images that no container uses, whatever names the others have", () =>
  quietly(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["images", "tag", reference, "other:1"]);
    await ok(daemon, ["containers", "create", reference, "user"]);
    assert.match(await ok(daemon, ["prune", "--all", "--dry-run"]), /^image +other:1 +0\.0 B/m);
    const done = await ok(daemon, ["prune", "--all"]);
    assert.doesNotMatch(done, /content|snapshot/);
    assert.equal(await ok(daemon, ["images", "ls", "-q"]), `${reference}\n`);
    await ok(daemon, ["containers", "rm", "user"]);
    const all = await ok(daemon, ["prune", "--all"]);
    assert.equal(all.match(/^content /mg)!.length, 4);
    assert.equal(all.match(/^snapshot /mg)!.length, 2);
    assert.match(all, /^freed [1-9][\d.]* MiB/m);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("an image is used by a container that doesn't name it, but is made on its snapshot", () =>
  quietly(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["containers", "create", reference, "user"]);
    await using client = await Client.connect(daemon.address);
    const { container } = await client.services.containers.get({ id: "user" });
    await client.services.containers.delete({ id: "user" });
    await client.services.containers.create({ container: { ...container!, image: "" } });
    assert.equal(await ok(daemon, ["prune", "--all"]), "freed 0.0 B\n");
    assert.equal(await ok(daemon, ["images", "ls", "-q"]), `${reference}\n`);
  }));

Deno.test("what another namespace has too is not counted as freed", () =>
  quietly(async ({ daemon, reference }) => {
    for (const namespace of ["one", "two"]) {
      await ok(daemon, ["-n", namespace, "images", "pull", "--no-unpack", reference]);
    }
    assert.match(await ok(daemon, ["-n", "one", "system", "df"]), /^Images .* 0\.0 B \(0%\)/m);
    assert.match(await ok(daemon, ["-n", "one", "prune", "--all"]), /^freed 0\.0 B/m);
    assert.match(await ok(daemon, ["-n", "two", "prune", "--all"]), /^freed [1-9][\d.]* MiB/m);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("system df tells counts, sizes and what can be had back, in all and one by one", () =>
  quietly(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["containers", "create", reference, "user"]);
    await ok(daemon, ["content", "ingest", "garbage"], "x".repeat(5000));
    const text = await ok(daemon, ["system", "df"]);
    const client = await Client.connect(daemon.address);
    const { totals, items } = await client.diskUsage();
    await client[Symbol.asyncDispose]();
    assert.deepEqual(totals.map(({ kind }) => kind), ["image", "snapshot", "content", "ingest"]);
    assert.deepEqual(row(text, "Images").slice(0, 2), ["Images", "1"]);
    assert.equal(row(text, "Images")[3], "0.0 B (0%)");
    assert.deepEqual(row(text, "Snapshots").slice(0, 2), ["Snapshots", "3"]);
    assert.deepEqual(row(text, "Content").slice(0, 2), ["Content", "5"]);
    assert.match(row(text, "Content")[3]!, /^4\.9 KiB \(\d%\)$/);
    const content = items.filter(({ kind }) => kind === "content");
    const onDisk = (await Promise.all(
      content.map(({ name }) => Deno.stat(`${daemon.root}/content/blobs/sha256/${name.slice(7)}`)),
    )).reduce((sum, { size }) => sum + size, 0);
    assert.equal(Number(totals[2]!.size), onDisk);
    assert.equal(Number(totals[2]!.reclaimable), 5000);
    const image = items.find(({ kind }) => kind === "image")!;
    const kept = items.filter(({ kind, name }) =>
      kind === "content" && name !== content.find(({ reclaimable }) => reclaimable)!.name ||
      kind === "snapshot" && name.startsWith("sha256:")
    );
    assert.equal(image.size, kept.reduce((sum, { size }) => sum + size, 0n));
    assert.match(await ok(daemon, ["system", "df", "-v"]), RegExp(`\nImages:\n.*\n${reference} +.* false`));
    await ok(daemon, ["containers", "rm", "user"]);
    const free = row(await ok(daemon, ["system", "df"]), "Images");
    assert.match(free[3]!, /^[1-9].* MiB \(100%\)/);
  }));

Deno.test("a write that was broken off is an ingest in df, and goes with prune when its lease is over", () =>
  quietly(async ({ daemon }) => {
    await using client = await Client.connect(daemon.address);
    const { lease } = await client.services.leases.create({ id: "short" });
    const messages = (async function* () {
      yield { action: 1, ref: "broken", data: new Uint8Array(3000), offset: 0n };
    })();
    for await (const _ of client.services.content.write(messages, { lease: lease!.id }));
    assert.match(await ok(daemon, ["system", "df"]), /^Ingests +1 +2\.9 KiB +0\.0 B/m);
    await client.services.leases.delete({ id: "short" });
    assert.match(await ok(daemon, ["system", "df"]), /^Ingests +1 +2\.9 KiB +2\.9 KiB \(100%\)/m);
    assert.match(await ok(daemon, ["prune"]), /^ingest +broken +2\.9 KiB/m);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

import assert from "node:assert/strict";
import fc from "fast-check";
import { SnapshotRemove } from "../../../lib/api/events/snapshot.ts";
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import { Sandbox } from "../../../lib/api/types/sandbox.ts";
import {
  type Database,
  GarbageCollector,
  holdByLease,
  ImageStore,
  LeaseStore,
  schema,
} from "../../../lib/metadata/mod.ts";
import type { Transaction } from "../../../lib/metadata/mod.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { digestOf, imageOf, scratch } from "./scratch.ts";

const never = { startupDelay: 1e6, pauseThreshold: 0, mutationThreshold: 0, deletionThreshold: 1e9 };
const ns = { namespace: "one" };

function putBlob(tx: Transaction, n: number, labels: Record<string, string> = {}, namespace = "one"): void {
  const digest = digestOf(n);
  tx.put(schema.content, [namespace, digest], {
    digest,
    size: 1n,
    labels,
    createdAt: undefined,
    updatedAt: undefined,
  });
}

function putSnapshot(tx: Transaction, key: string, parent = "", labels: Record<string, string> = {}): void {
  tx.put(schema.snapshots, ["one", "overlayfs", key], {
    id: key,
    parent,
    kind: "committed",
    labels,
    createdAt: 0,
    updatedAt: 0,
  });
}

const blobs = (db: Database) => db.list(schema.content).map(([[, digest]]) => parseInt(digest!.slice(7), 16));
const snapshots = (db: Database) => db.list(schema.snapshots).map(([key]) => key[2]);

Deno.test("what an image, a container or a lease leads to stays, the rest goes and is told of", async () => {
  await using s = await scratch();
  const { db } = s;
  await db.write((tx) => {
    putBlob(tx, 1, {
      "containerd.io/gc.ref.content.l.0": digestOf(2),
      "containerd.io/gc.ref.content/x": digestOf(3),
    });
    for (const n of [2, 4, 5, 6, 7, 8]) putBlob(tx, n);
    putBlob(tx, 3, {
      "containerd.io/gc.ref.snapshot.overlayfs/a": "named",
      "containerd.io/gc.ref.content": digestOf(4),
    });
    putBlob(tx, 5, { "containerd.io/gc.root": "yes" });
    putBlob(tx, 6, { "containerd.io/gc.bref.content.x": digestOf(2) });
    putBlob(tx, 7, { "containerd.io/gc.bref.container": "c" });
    putBlob(tx, 1, {}, "two");
    putSnapshot(tx, "base");
    putSnapshot(tx, "named", "base");
    putSnapshot(tx, "rw", "base");
    putSnapshot(tx, "lost-base");
    putSnapshot(tx, "lost", "lost-base");
    tx.put(schema.images, ["one", "i"], imageOf("i", 1));
    tx.put(
      schema.containers,
      ["one", "c"],
      complete(Container, { id: "c", snapshotter: "overlayfs", snapshotKey: "rw" }),
    );
  });
  let swept = 0;
  const gc = new GarbageCollector(db, [{ sweep: () => Promise.resolve(void swept++) }], {
    ...never,
    publisher: s.publisher,
  });
  await gc.run();
  await gc.close();
  assert.deepEqual(blobs(db), [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(snapshots(db), ["base", "named", "rw"]);
  assert.deepEqual(s.topics(), [
    "/snapshot/remove",
    "/snapshot/remove",
    "/content/delete",
    "/content/delete",
  ]);
  assert.equal(SnapshotRemove.decode(s.events[0]!.event.value).key, "lost", "the child goes first");
  assert.equal(swept, 1);
});

Deno.test("a lease holds until it expires, a flat one without what labels name", async () => {
  await using s = await scratch();
  const { db } = s;
  const leases = new LeaseStore(db);
  const past = new Date(Date.now() - 1000).toISOString();
  const future = new Date(Date.now() + 1e6).toISOString();
  const ends: Record<string, Record<string, string>> = {
    plain: {},
    flat: { "containerd.io/gc.flat": "1" },
    past: { "containerd.io/gc.expire": past },
    future: { "containerd.io/gc.expire": future },
    nonsense: { "containerd.io/gc.expire": "tomorrow" },
  };
  let n = 0;
  for (const [id, labels] of Object.entries(ends)) {
    await leases.create(ns, { id, labels });
    const first = ++n;
    await db.write((tx) => {
      putBlob(tx, first, { "containerd.io/gc.ref.content": digestOf(first + 100) });
      putBlob(tx, first + 100);
    });
    await leases.addResource(ns, id, { type: "content", id: digestOf(first) });
  }
  await db.write((tx) => {
    assert.throws(
      () => holdByLease(tx, { ...ns, lease: "past" }, { type: "content", id: "x" }),
      /lease.*not found$/,
    );
  });
  const gc = new GarbageCollector(db, [], { ...never, publisher: s.publisher });
  await gc.run();
  assert.deepEqual(blobs(db), [1, 2, 4, 5, 101, 104, 105]);
  assert.deepEqual(leases.list(ns).map(({ id }) => id), ["flat", "future", "nonsense", "plain"]);
  await leases.delete(ns, "plain");
  await gc.run();
  await gc.close();
  assert.deepEqual(blobs(db), [2, 4, 5, 104, 105]);
});

Deno.test("a sandbox holds what its labels name, a mount nothing; a mount lives by its lease or its labels", async () => {
  await using s = await scratch();
  const { db } = s;
  const leases = new LeaseStore(db);
  await leases.create(ns, { id: "l", labels: {} });
  const putMount = (tx: Transaction, name: string, labels: Record<string, string> = {}) =>
    tx.put(schema.mounts, ["one", name], { id: name, boot: "", active: [], system: [], labels });
  await db.write((tx) => {
    for (const n of [1, 2, 3]) putBlob(tx, n);
    const labels = { "containerd.io/gc.ref.content.a": digestOf(1) };
    tx.put(schema.sandboxes, ["one", "pod"], complete(Sandbox, { sandboxId: "pod", labels }));
    putMount(tx, "root", { "containerd.io/gc.root": "x", "containerd.io/gc.ref.content": digestOf(2) });
    putMount(tx, "leased");
    putMount(tx, "back", { "containerd.io/gc.bref.content": digestOf(1) });
    putMount(tx, "lost", { "containerd.io/gc.bref.content": digestOf(3) });
    putMount(tx, "alone");
  });
  await leases.addResource(ns, "l", { type: "mounts", id: "leased" });
  const gc = new GarbageCollector(db, [], { ...never, publisher: s.publisher });
  await gc.run();
  const mounts = () => db.list(schema.mounts).map(([key]) => key[1]).sort();
  assert.deepEqual(blobs(db), [1]);
  assert.deepEqual(mounts(), ["back", "leased", "root"]);
  assert.equal(db.list(schema.sandboxes).length, 1);
  await leases.delete(ns, "l");
  await gc.run();
  assert.deepEqual(mounts(), ["back", "root"]);
  await gc.close();
});

Deno.test("an ingest holds what it expects while it is under way", async () => {
  await using s = await scratch();
  const { db } = s;
  const ingest = (ref: string, n: number, more: object) =>
    db.write((tx) => {
      putBlob(tx, n);
      tx.put(schema.ingests, ["one", ref], {
        ref,
        key: ref,
        expected: digestOf(n),
        total: 0,
        startedAt: Date.now(),
        ...more,
      });
    });
  await ingest("new", 1, {});
  await ingest("old", 2, { startedAt: Date.now() - 25 * 3600 * 1000 });
  await ingest("orphan", 3, { lease: "gone" });
  const gc = new GarbageCollector(db, [], { ...never, publisher: s.publisher });
  await gc.run();
  await gc.close();
  assert.deepEqual(blobs(db), [1]);
  assert.deepEqual(db.list(schema.ingests).map(([key]) => key[1]), ["new"]);
});

Deno.test("an image that has expired goes", async () => {
  await using s = await scratch();
  await s.db.write((tx) => {
    putBlob(tx, 1);
    tx.put(
      schema.images,
      ["one", "i"],
      imageOf("i", 1, { "containerd.io/gc.expire": "2001-01-01T00:00:00Z" }),
    );
  });
  const gc = new GarbageCollector(s.db, [], { ...never, publisher: s.publisher });
  await gc.run();
  await gc.close();
  assert.deepEqual(s.db.list(schema.images), []);
  assert.deepEqual(s.topics().sort(), ["/content/delete", "/images/delete"]);
});

Deno.test("nothing is removed while a record can't be read", async () => {
  await using s = await scratch();
  await s.db.write((tx) => putBlob(tx, 1));
  await s.db.close();
  const kv = await Deno.openKv(s.path);
  await kv.set(["r", "images", "one", "bad"], new Uint8Array([255]));
  kv.close();
  await s.reopen();
  const gc = new GarbageCollector(s.db, [], { ...never, publisher: s.publisher });
  await assert.rejects(gc.run(), /images\/one\/bad can't be read/);
  await gc.close();
  assert.deepEqual(blobs(s.db), [1]);
});

/** A graph: which node refers to which, by what means, and which are roots. */
const graph = fc.record({
  edges: fc.array(fc.tuple(fc.nat(14), fc.nat(14), fc.constantFrom("ref", "bref")), { maxLength: 30 }),
  images: fc.array(fc.nat(14), { maxLength: 3 }),
  leased: fc.array(fc.nat(14), { maxLength: 3 }),
  added: fc.array(fc.tuple(fc.nat(14), fc.nat(14)), { maxLength: 4 }),
});

function reference(roots: readonly number[], edges: readonly (readonly [number, number])[]): number[] {
  const live = new Set(roots);
  for (let before = -1; before !== live.size;) {
    before = live.size;
    for (const [from, to] of edges) if (live.has(from)) live.add(to);
  }
  return [...live].sort((a, b) => a - b);
}

Deno.test("exactly the reachable is left, whatever the graph", async () => {
  await using s = await scratch();
  const { db } = s;
  await fc.assert(
    fc.asyncProperty(graph, async ({ edges, images, leased }) => {
      const labels = Array.from({ length: 15 }, () => ({} as Record<string, string>));
      const directed = edges.map(([from, to, kind], i): [number, number] => {
        labels[from]![`containerd.io/gc.${kind}.content.${i}`] = digestOf(to);
        return kind === "ref" ? [from, to] : [to, from];
      });
      await db.write((tx) => {
        for (const [key] of tx.list(schema.images)) tx.delete(schema.images, key);
        for (const [key] of tx.list(schema.content)) tx.delete(schema.content, key);
        for (const [key] of tx.list(schema.leaseResources)) tx.delete(schema.leaseResources, key);
        labels.forEach((own, n) => putBlob(tx, n, own));
        for (const n of images) tx.put(schema.images, ["one", `${n}`], imageOf(`${n}`, n));
        tx.put(schema.leases, ["one", "l"], { id: "l", labels: {}, createdAt: undefined });
        for (const n of leased) holdByLease(tx, { ...ns, lease: "l" }, { type: "content", id: digestOf(n) });
      });
      const gc = new GarbageCollector(db, [], { ...never, publisher: s.publisher });
      await gc.run();
      await gc.close();
      assert.deepEqual(blobs(db), reference([...images, ...leased], directed));
    }),
    { numRuns: 100 },
  );
});

Deno.test("what comes to be needed while a run is under way stays", async () => {
  await using s = await scratch();
  const { db } = s;
  await db.write((tx) => {
    for (let n = 0; n < 3000; n++) {
      putBlob(tx, n, n % 2 === 0 ? { "containerd.io/gc.ref.content": digestOf(n + 1) } : {});
    }
  });
  const images = new ImageStore(db, s.publisher);
  const gc = new GarbageCollector(db, [], { ...never, publisher: s.publisher });
  const run = gc.run();
  const present = new Set<number>();
  for (let n = 0; n < 3000; n += 200) {
    await images.create(ns, imageOf(`i${n}`, n));
    if (db.has(schema.content, ["one", digestOf(n)])) present.add(n);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await run;
  await gc.close();
  assert.ok(present.size > 0, "no image was made while the run was under way");
  const left = new Set(blobs(db));
  for (const n of present) assert.ok(left.has(n) && left.has(n + 1), `${n} is lost`);
});

Deno.test("a run that is asked for starts after the call, and callers share it", async () => {
  await using s = await scratch();
  let sweeps = 0;
  const sweeper = { sweep: () => new Promise<void>((resolve) => setTimeout(resolve, 20, void sweeps++)) };
  const gc = new GarbageCollector(s.db, [sweeper], { ...never, publisher: s.publisher });
  const first = gc.run();
  await s.db.write((tx) => putBlob(tx, 1));
  await Promise.all([gc.run(), gc.run(), gc.run()]);
  await first;
  assert.equal(sweeps, 2);
  assert.deepEqual(blobs(s.db), []);
  await gc.close();
});

Deno.test("a deletion brings a run by itself, and a failed one is reported", async () => {
  await using s = await scratch();
  const images = new ImageStore(s.db, s.publisher);
  await images.create(ns, imageOf("i"));
  const swept = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<unknown>();
  const sweep = () => {
    swept.resolve();
    return Promise.reject(new Error("disk"));
  };
  const options = { startupDelay: 1e6, publisher: s.publisher, onError: failed.resolve };
  const gc = new GarbageCollector(s.db, [{ sweep }], options);
  await images.delete(ns, "i");
  await swept.promise;
  assert.equal((await failed.promise as Error).message, "disk");
  await gc.close();
});

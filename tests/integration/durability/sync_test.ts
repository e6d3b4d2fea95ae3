import assert from "node:assert/strict";
import { BlobStore } from "../../../lib/content/mod.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { ContentStore, Database, ImageStore, LeaseStore, SnapshotStore } from "../../../lib/metadata/mod.ts";
import { localChannel } from "../../../lib/rpc/local.ts";
import { snapshotsService, streamingService, Streams, transferService } from "../../../lib/services/mod.ts";
import type { Services } from "../../../lib/client/services.ts";
import { transferPull } from "../../../lib/client/transfer.ts";
import { openOverlay, type Snapshotter } from "../../../lib/snapshots/mod.ts";
import { type Info, SnapshotsDefinition } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import { LayerWorkers, Transfer } from "../../../lib/transfer/mod.ts";
import { busyboxImage, must, push, Scratch, startRegistry } from "../../harness/mod.ts";
import { layerWith, ok, smallDisk, withRegistry } from "./support.ts";

const scope = { namespace: "default" };

/** A snapshotter that tells of each commit whether it was to be synced, and which names there were by then. */
function watched(inner: Snapshotter, onCommit: (sync: boolean) => void): Snapshotter {
  return new Proxy(inner, {
    get(target, key) {
      if (key === "commit") {
        return async (id: string, options: { sync?: boolean } = {}) => {
          await target.commit(id, options);
          onCommit(options.sync ?? true);
        };
      }
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The services that a pull needs, over a snapshotter that is watched. */
async function open(scratch: Scratch, stack: AsyncDisposableStack) {
  const events = createExchange();
  const db = stack.adopt(await Database.open(scratch.join("metadata.kv")), (db) => db.close());
  const content = new ContentStore(db, await BlobStore.open(scratch.join("content")), events);
  const commits: { sync: boolean; names: number }[] = [];
  const overlay = stack.use(await openOverlay(scratch.join("overlayfs")));
  const names = () =>
    snapshots.list(scope, "overlayfs").filter(({ name }) => name.startsWith("sha256:")).length;
  const snapshots = new SnapshotStore(
    db,
    [watched(overlay, (sync) => commits.push({ sync, names: names() }))],
    events,
  );
  const workers = stack.use(new LayerWorkers());
  const leases = new LeaseStore(db);
  const transfer = new Transfer({ content, snapshots, leases, images: new ImageStore(db, events), workers });
  const streams = new Streams();
  const services = [
    transferService(transfer, streams),
    streamingService(streams),
    snapshotsService(snapshots),
  ];
  const channel = stack.use(localChannel(services));
  const stub: Services["stub"] = (definition, more) => channel.stub(definition, { ...scope, ...more });
  return { commits, names, services: { stub } };
}

Deno.test("a layer is synced before its snapshot has its name; --no-sync is heard", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await busyboxImage(scratch), registry, "busybox:1");
  await using stack = new AsyncDisposableStack();
  const { commits, names, services } = await open(scratch, stack);
  const pull = {
    reference,
    plainHttp: true,
    hostsDir: "",
    credentials: undefined,
    platforms: [],
    everyPlatform: true,
    allMetadata: false,
    labels: {},
    snapshotter: "overlayfs",
  };
  await transferPull(services, pull, () => {});
  assert.deepEqual(commits.splice(0), [{ sync: true, names: 0 }]);
  assert.equal(names(), 1);
  const snapshots = services.stub(SnapshotsDefinition);
  const listed = await Array.fromAsync(snapshots.list({ snapshotter: "overlayfs" }));
  const [{ name }] = listed.flatMap(({ info }) => info) as [Info];
  await snapshots.remove({ snapshotter: "overlayfs", key: name });
  await transferPull(services, { ...pull, noSync: true }, () => {});
  assert.deepEqual(commits.splice(0), [{ sync: false, names: 0 }]);
  for (const noSync of [false, true]) {
    const key = `active-${noSync}`;
    await snapshots.prepare({ snapshotter: "overlayfs", key, parent: "" });
    await snapshots.commit({ snapshotter: "overlayfs", key, name: `committed-${noSync}`, noSync });
    assert.equal(commits.splice(0)[0]!.sync, !noSync);
  }
});

Deno.test("the daemon's pull returns when no block of an unpacked file waits to be given a place on disk", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const file = `${await layerWith(daemon, "bin/busybox")}/bin/busybox`;
    // ext4 gives blocks their place when they are written out: until then FIEMAP calls them delayed.
    const extents = await must("filefrag", ["-v", file]);
    assert.match(extents, /: [1-9]\d* extents? found/);
    assert.doesNotMatch(extents, /delalloc/);
  }, { prepare: (dir) => smallDisk(`${dir}/root`) }));

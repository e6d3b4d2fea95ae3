/** containerd.services.snapshots.v1.Snapshots */
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { invalidArgument } from "../errors.ts";
import type { SnapshotStore } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** How many snapshots one message of a listing holds. */
const batch = 100;

export function snapshotsService(store: SnapshotStore): Service {
  return service(SnapshotsDefinition, {
    async prepare({ snapshotter, key, parent, labels }, context) {
      return { mounts: await store.prepare(requireNamespace(context), snapshotter, key, parent, labels) };
    },
    async view({ snapshotter, key, parent, labels }, context) {
      return { mounts: await store.view(requireNamespace(context), snapshotter, key, parent, labels) };
    },
    // deno-lint-ignore require-await
    async mounts({ snapshotter, key }, context) {
      return { mounts: store.mounts(requireNamespace(context), snapshotter, key) };
    },
    async commit({ snapshotter, name, key, labels, noSync }, context) {
      await store.commit(requireNamespace(context), snapshotter, name, key, { labels, sync: !noSync });
      return {};
    },
    async remove({ snapshotter, key }, context) {
      await store.remove(requireNamespace(context), snapshotter, key);
      return {};
    },
    // deno-lint-ignore require-await
    async stat({ snapshotter, key }, context) {
      return { info: store.stat(requireNamespace(context), snapshotter, key) };
    },
    async update({ snapshotter, info, updateMask }, context) {
      if (!info) throw invalidArgument("no snapshot info to update");
      const scope = requireNamespace(context);
      return { info: await store.update(scope, snapshotter, info, updateMask ?? []) };
    },
    async *list({ snapshotter, filters }, context) {
      const all = store.list(requireNamespace(context), snapshotter, filters);
      for (let at = 0; at < all.length; at += batch) yield { info: all.slice(at, at + batch) };
    },
    async usage({ snapshotter, key }, context) {
      const { size, inodes } = await store.usage(requireNamespace(context), snapshotter, key);
      return { size: BigInt(size), inodes: BigInt(inodes) };
    },
    async cleanup({ snapshotter }, context) {
      await store.cleanup(requireNamespace(context), snapshotter);
      return {};
    },
  });
}

/** Snapshots for containers with a user namespace: their files belong to ids of it. */
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../api/types/mount.ts";
import { Code, isError } from "../errors.ts";
import {
  type IdMapping,
  type IdMappings,
  idMappingsText,
  labelsFor,
  mappingLabels,
  ownerLabels,
} from "../id_mappings.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";

/** A container's own snapshot, to be made. */
export interface RemappedRequest {
  readonly snapshotter: string;
  readonly key: string;
  /** The image's topmost layer. */
  readonly parent: string;
  readonly labels?: Record<string, string>;
  readonly mappings: IdMappings;
  /** Leave it to the snapshotter, if that can: nothing is copied where the kernel shows files with other owners. */
  readonly byLabels?: boolean;
}

/**
 * Prepares it. Unless the snapshotter does it, the image's files are copied once for each set of mappings, into a
 * snapshot between the image's and the container's; that takes a daemon on this machine, and root. `call` should
 * name a lease. Throws FailedPrecondition for a file of an owner who is in no mapping.
 */
export async function prepareRemapped(
  services: Services,
  { byLabels = false, mappings, ...request }: RemappedRequest,
  call: CallOptions = {},
): Promise<Mount[]> {
  const { labels = {}, snapshotter, key, parent } = request;
  const snapshots = services.stub(SnapshotsDefinition);
  if (byLabels && await canRemap(services, snapshotter, call)) {
    const own = {
      [mappingLabels.uids]: idMappingsText(mappings.uids),
      [mappingLabels.gids]: idMappingsText(mappings.gids),
    };
    return (await snapshots.prepare({ snapshotter, key, parent, labels: { ...labels, ...own } }, call))
      .mounts;
  }
  const remapped = await remappedName(parent, mappings);
  const prepare = async () =>
    (await snapshots.prepare({ snapshotter, key, parent: remapped, labels }, call)).mounts;
  try {
    return await prepare();
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
  }
  await remap(services, { snapshotter, name: remapped, parent, mappings }, call);
  return await prepare();
}

/** Whether a snapshotter says that it minds the labels. */
async function canRemap(services: Services, snapshotter: string, call: CallOptions): Promise<boolean> {
  const filters = [`type==io.containerd.snapshotter.v1,id==${JSON.stringify(snapshotter)}`];
  const { plugins } = await services.stub(IntrospectionDefinition).plugins({ filters }, call);
  return plugins.some(({ capabilities }) => capabilities.includes("remap-ids"));
}

/** Two may do it at the same time, each in a snapshot of its own: the first to end gives it its name. */
async function remap(
  services: Services,
  { snapshotter, name, parent, mappings }: {
    snapshotter: string;
    name: string;
    parent: string;
    mappings: IdMappings;
  },
  call: CallOptions,
): Promise<void> {
  const [{ withTempMount }, { remapTree }] = await Promise.all([
    import("../sys/mod.ts"),
    import("../snapshots/mod.ts"),
  ]);
  const snapshots = services.stub(SnapshotsDefinition);
  const key = `${name}-remap-${crypto.randomUUID()}`;
  const { mounts } = await snapshots.prepare({ snapshotter, key, parent, labels: {} }, call);
  try {
    await withTempMount(mounts, (root) => remapTree(root, mappings));
    const labels = labelsFor(mappings, ownerLabels);
    await snapshots.commit({ snapshotter, name, key, labels }, call);
  } catch (error) {
    await snapshots.remove({ snapshotter, key }, call).catch(() => {});
    if (!isError(error, Code.AlreadyExists)) throw error;
  }
}

/** The name that containerd's own client (2.x) gives to the same files: the digest of what they were made of. */
export async function remappedName(parent: string, { uids, gids }: IdMappings): Promise<string> {
  const sorted = (mappings: readonly IdMapping[]) =>
    [...mappings].sort((a, b) => a.containerID - b.containerID)
      .map(({ containerID, hostID, size }) => ({ containerID, hostID, size }));
  const made = JSON.stringify({ Parent: parent, IDMap: { UidMap: sorted(uids), GidMap: sorted(gids) } });
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(made));
  return `sha256:${new Uint8Array(hash).toHex()}`;
}

/** Layers out of snapshots: the daemon compares, and stores what it finds. */
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";
import { DiffDefinition, type DiffRequest } from "../api/services/diff/v1/diff.ts";
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import { type Info, Kind, SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import type { Mount } from "../api/types/mount.ts";
import { Code, failedPrecondition, invalidArgument, isError, unimplemented } from "../errors.ts";
import { type IdMappings, idMappingsText, mappingsOf, ownerLabels } from "../id_mappings.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";

/** What kind of layer is made, and of what. */
export interface DiffOptions extends CallOptions {
  readonly snapshotter?: string;
  /** A snapshot that the other one is compared with; its parent unless said. */
  readonly before?: string;
  /** An OCI layer with gzip unless said. */
  readonly mediaType?: string;
  /** Name of the write while it goes on; a random one unless said. */
  readonly ref?: string;
  /** Labels of the layer's blob. Without any, or a lease, it is garbage at once. */
  readonly labels?: Record<string, string>;
  /** The user namespace that the snapshot's files and its parent's were given to, if no label of them says it. */
  readonly owners?: IdMappings;
  /** Latest time of any file in the layer, in seconds since the epoch. */
  readonly sourceDate?: number;
}

/**
 * Makes a layer of what a snapshot, active or committed, has more or less than its parent, or than `before`.
 * Gives the descriptor of a blob in the daemon's content store.
 */
export async function diffSnapshot(
  services: Services,
  key: string,
  { snapshotter = "overlayfs", before, mediaType = "", ref = "", labels = {}, owners, sourceDate, ...call }:
    DiffOptions,
): Promise<Descriptor> {
  const snapshot = await infoOf(services, snapshotter, key, call);
  const below = before ?? snapshot.parent;
  const sides = { below, owners, of: (name: string) => infoOf(services, snapshotter, name, call) };
  const whose = await ownersOf(snapshot, sides);
  if (whose.leftOwners || whose.rightOwners) await checkDiffer(services, call);
  const sourceDateEpoch = epoch(sourceDate);
  const make = async (left: Mount[], right: Mount[]) => {
    const request = { left, right, mediaType, ref, labels, sourceDateEpoch, ...whose };
    return (await services.stub(DiffDefinition).diff(request, call)).diff!;
  };
  return await withMounts(
    services,
    snapshotter,
    key,
    call,
    (right) =>
      below === ""
        ? make([], right)
        : withMounts(services, snapshotter, below, call, (left) => make(left, right)),
  );
}

async function infoOf(
  services: Services,
  snapshotter: string,
  key: string,
  call: CallOptions,
): Promise<Info> {
  return (await services.stub(SnapshotsDefinition).stat({ snapshotter, key }, call)).info!;
}

/** To which user namespaces the files of a snapshot and of the one `below` belong, which the daemon has to be told. */
async function ownersOf(
  { name, kind, parent, labels }: Info,
  { below, owners, of }: { below: string; owners?: IdMappings; of: (name: string) => Promise<Info> },
): Promise<Pick<DiffRequest, "leftOwners" | "rightOwners">> {
  const own = mappingsOf(labels);
  if (own && kind !== Kind.ACTIVE) {
    throw failedPrecondition(
      `snapshot ${name} maps the owners of its files: a layer of it would have wrong ones`,
    );
  }
  const given = async (name: string) => name ? mappingsOf((await of(name)).labels, ownerLabels) : undefined;
  const right = own ?? mappingsOf(labels, ownerLabels) ?? await given(parent) ?? owners;
  const left = await given(below) ?? (own || below !== parent ? undefined : owners);
  return { leftOwners: inWords(left), rightOwners: inWords(right) };
}

const inWords = (mappings: IdMappings | undefined) =>
  mappings && { uidMapping: idMappingsText(mappings.uids), gidMapping: idMappingsText(mappings.gids) };

/** Throws Unimplemented for a daemon that would leave unsaid whose the files are. */
async function checkDiffer(services: Services, call: CallOptions): Promise<void> {
  const filters = ["type==io.containerd.differ.v1"];
  const { plugins } = await services.stub(IntrospectionDefinition).plugins({ filters }, call);
  if (plugins.some(({ capabilities }) => capabilities.includes("map-owners"))) return;
  throw unimplemented("this daemon makes no layers of files that belong to a user namespace");
}

/** Runs `work` with the mounts of a snapshot: its own if it is active, else those of a view made for it. */
async function withMounts<T>(
  services: Services,
  snapshotter: string,
  name: string,
  call: CallOptions,
  work: (mounts: Mount[]) => Promise<T>,
): Promise<T> {
  const snapshots = services.stub(SnapshotsDefinition);
  const { info } = await snapshots.stat({ snapshotter, key: name }, call);
  if (info!.kind !== Kind.COMMITTED) {
    return await work((await snapshots.mounts({ snapshotter, key: name }, call)).mounts);
  }
  const key = `${name}-view-${crypto.randomUUID()}`;
  const { mounts } = await snapshots.view({ snapshotter, key, parent: name }, call);
  try {
    return await work(mounts);
  } finally {
    await snapshots.remove({ snapshotter, key }).catch((error) => {
      if (!isError(error, Code.NotFound)) throw error;
    });
  }
}

function epoch(seconds: number | undefined): Timestamp | undefined {
  return seconds === undefined ? undefined : { seconds: BigInt(seconds), nanos: 0 };
}

/**
 * The time that reproducible builds are given by the environment (reproducible-builds.org, SOURCE_DATE_EPOCH), in
 * seconds since the epoch. Throws InvalidArgument if it is there and no such number.
 */
export function sourceDateOf(text = Deno.env.get("SOURCE_DATE_EPOCH")): number | undefined {
  if (!text) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw invalidArgument(`SOURCE_DATE_EPOCH ${JSON.stringify(text)} is not a number of seconds`);
}

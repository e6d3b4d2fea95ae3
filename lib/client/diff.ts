/** Layers out of snapshots: the daemon compares, and stores what it finds. */
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { Kind, SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import type { Mount } from "../api/types/mount.ts";
import { Code, failedPrecondition, invalidArgument, isError } from "../errors.ts";
import { mappingLabels } from "../id_mappings.ts";
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
  { snapshotter = "overlayfs", before, mediaType = "", ref = "", labels = {}, sourceDate, ...call }:
    DiffOptions,
): Promise<Descriptor> {
  const { parent, labels: own } = (await services.stub(SnapshotsDefinition).stat({ snapshotter, key }, call))
    .info!;
  if (own[mappingLabels.uids]) {
    throw failedPrecondition(
      `snapshot ${key} maps the owners of its files: a layer of it would have wrong ones`,
    );
  }
  const below = before ?? parent;
  const sourceDateEpoch = epoch(sourceDate);
  const make = async (left: Mount[], right: Mount[]) => {
    const request = { left, right, mediaType, ref, labels, sourceDateEpoch };
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

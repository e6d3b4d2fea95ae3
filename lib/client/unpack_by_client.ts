/** Unpacking an image through a daemon's Diff and Snapshots services, layer by layer. */
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { Code, failedPrecondition, isError } from "../errors.ts";
import {
  chainIds,
  type Descriptor,
  type Manifest,
  parseConfig,
  snapshotLabel,
  uncompressedLabel,
} from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { ContentClient } from "./content.ts";
import type { Lease } from "./lease.ts";
import type { Services } from "./services.ts";

/** What unpacking needs: the daemon, and a lease that holds what is made. */
export interface Unpacking {
  readonly services: Services;
  readonly content: ContentClient;
  readonly lease: Lease;
  /** Goes along with every call; names the lease. */
  readonly call: CallOptions;
  /** Tells the caller what becomes of a layer. */
  report(event: string, layer: Descriptor, done: number): void;
}

/** Configs larger than this are refused. */
const configLimit = 8 << 20;

/** One layer's place in the chain of snapshots. */
interface Step {
  readonly layer: Descriptor;
  readonly diffId: string;
  readonly name: string;
  readonly parent: string;
}

/**
 * Unpacks each layer on top of the one before; layers whose snapshot is there are passed over.
 * @throws FailedPrecondition if a layer does not unpack to what the config says of it
 */
export async function unpackByClient(
  pull: Unpacking,
  { config, layers }: Manifest,
  snapshotter: string,
): Promise<void> {
  const bytes = await pull.content.readAll(undefined, config.digest, configLimit);
  const { diffIds } = parseConfig(bytes, config.digest);
  if (layers.length !== diffIds.length) {
    throw failedPrecondition(`manifest has ${layers.length} layers, its config has ${diffIds.length}`);
  }
  const chain = chainIds(diffIds);
  for (const [n, layer] of layers.entries()) {
    const step = { layer, diffId: diffIds[n]!, name: chain[n]!, parent: chain[n - 1] ?? "" };
    await unpackLayer(pull, step, snapshotter);
    pull.report("extracted", layer, layer.size);
  }
  const top = chain.at(-1);
  if (top) await pull.content.label(config.digest, { [snapshotLabel(snapshotter)]: top }, pull.call);
}

async function unpackLayer(pull: Unpacking, step: Step, snapshotter: string): Promise<void> {
  const { layer, diffId, name, parent } = step;
  const snapshots = pull.services.stub(SnapshotsDefinition);
  // Held before it is looked for, so that it can't vanish in between.
  await pull.lease.add({ id: name, type: `snapshots/${snapshotter}` }, pull.call);
  if (await snapshots.stat({ snapshotter, key: name }, pull.call).catch(unlessMissing)) return;
  pull.report("extracting", layer, 0);
  const key = `extract-${crypto.randomUUID()} ${name}`;
  const { mounts } = await snapshots.prepare({ snapshotter, key, parent }, pull.call);
  try {
    const { mediaType, digest } = layer;
    const diff = { mediaType, digest, size: BigInt(layer.size), annotations: {} };
    const { applied } = await pull.services.stub(DiffDefinition).apply({ diff, mounts }, pull.call);
    // The snapshot's name is made of diff IDs: whoever pulls another image with the same ones gets these files.
    if (applied?.digest !== diffId) {
      throw failedPrecondition(`layer ${digest}: unpacks to ${applied?.digest}, the config says ${diffId}`);
    }
    if (digest !== diffId) await pull.content.label(digest, { [uncompressedLabel]: diffId }, pull.call);
    await snapshots.commit({ snapshotter, name, key }, pull.call);
  } catch (error) {
    await snapshots.remove({ snapshotter, key }).catch(unlessMissing);
    // Somebody else unpacked the same layer meanwhile.
    if (!isError(error, Code.AlreadyExists)) throw error;
  }
}

function unlessMissing(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}

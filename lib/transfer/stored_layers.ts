/** Layers that are in the content store already, for those who unpack. */
import { notFound } from "../errors.ts";
import { isDistributable } from "../images/mod.ts";
import type { Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { about, type StagedLayer, type TransferRooms } from "./download.ts";
import { progressOf, type Report } from "./progress.ts";

/** Where a layer is to go. */
export interface Staging {
  readonly snapshotter: string;
  /** Others that are more work together are unpacked beside it. */
  readonly accompanied: boolean;
}

/** Where {@linkcode Unpacking} has layers from. */
export interface LayerSource {
  /** Sees to it that a layer is in the store. */
  blob(target: Target, signal: AbortSignal): Promise<void>;
  /** The same, and unpacks it. */
  layer(target: Target, staging: Staging, signal: AbortSignal): Promise<StagedLayer>;
  /** Throws an unpacked layer away. */
  discard(snapshotter: string, layer: StagedLayer): Promise<void>;
}

/** Unpacks a layer of the store into a directory that may become a snapshot. */
export async function stageStored(
  { content, snapshots, workers }: TransferRooms,
  scope: Scope,
  { target, snapshotter, accompanied, report }: Staging & { target: Target; report: Report },
  signal: AbortSignal,
): Promise<StagedLayer> {
  const { digest, mediaType } = target;
  const source = { file: content.path(scope, digest) };
  const expected = { digest, size: Number(target.size) };
  const staged = await snapshots.stage(snapshotter);
  try {
    const into = { dir: staged.layerPath, form: "overlay" as const };
    const onProgress = ({ received }: { received: number }) =>
      report(progressOf("extracting", target, received));
    const job = { source, expected, target: into, mediaType };
    const result = await workers.run(job, { signal, onProgress, accompanied });
    return { staged, result };
  } catch (error) {
    await snapshots.discardStaged(snapshotter, staged.id);
    throw error;
  }
}

/** The layers of a store, held by the lease of `scope`. */
export class StoredLayers implements LayerSource {
  readonly #rooms: TransferRooms;
  readonly #scope: Scope;
  readonly #report: Report;

  constructor(rooms: TransferRooms, scope: Scope, report: Report) {
    this.#rooms = rooms;
    this.#scope = scope;
    this.#report = report;
  }

  /** Throws NotFound. */
  async blob({ digest, mediaType }: Target): Promise<void> {
    const { content, leases } = this.#rooms;
    const { lease } = this.#scope;
    if (!content.has(this.#scope, digest)) {
      const why = isDistributable(mediaType) ? "" : ", as its maker doesn't let others hand it on";
      throw notFound(`layer ${digest} is not here${why}`);
    }
    if (lease) await leases.addResource(this.#scope, lease, { type: "content", id: digest });
  }

  async layer(target: Target, staging: Staging, signal: AbortSignal): Promise<StagedLayer> {
    await this.blob(target);
    const what = { ...staging, target, report: this.#report };
    try {
      return await stageStored(this.#rooms, this.#scope, what, signal);
    } catch (error) {
      throw about(target.digest, error);
    }
  }

  async discard(snapshotter: string, { staged }: StagedLayer): Promise<void> {
    await this.#rooms.snapshots.discardStaged(snapshotter, staged.id);
  }
}

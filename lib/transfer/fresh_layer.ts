/** A layer of the store, unpacked once more. */
import { adoptParents } from "../archive/mod.ts";
import { failedPrecondition } from "../errors.ts";
import type { Staged } from "../metadata/mod.ts";
import type { Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { applyDiff } from "./apply_diff.ts";
import type { TransferRooms } from "./download.ts";

/** A layer of this host's image. */
export interface Layer {
  readonly target: Target;
  /** Digest of the tar in it, as the image's config says. */
  readonly diffId: string;
  /** Key of its snapshot. */
  readonly name: string;
  /** Key of the one below; empty for none. */
  readonly parent: string;
}

/** Where layers are unpacked to. */
export interface Unpacker {
  readonly rooms: TransferRooms;
  readonly scope: Scope;
  readonly snapshotter: string;
  readonly signal: AbortSignal;
}

/** A layer's files as they ought to be. */
export interface FreshLayer {
  readonly staged: Staged;
  /** Throws it away, unless it was used. */
  discard(): Promise<void>;
}

/** Unpacks a layer beside its snapshot, whose parent is there. Throws what unpacking throws. */
export async function unpackBeside(
  { rooms: { content, snapshots, workers }, scope, snapshotter, signal }: Unpacker,
  { target, diffId, parent }: Layer,
): Promise<FreshLayer> {
  const staged = await snapshots.stage(snapshotter);
  const discard = () => snapshots.discardStaged(snapshotter, staged.id);
  try {
    const { digest, mediaType, size } = target;
    const job = {
      source: { file: content.path(scope, digest) },
      expected: { digest, size: Number(size) },
      target: { dir: staged.layerPath, form: "overlay" as const },
      mediaType,
    };
    const { impliedDirs, diffId: found } = await workers.run(job, { signal });
    checkDiffId(digest, diffId, found);
    const parents = snapshots.layerPaths(scope, snapshotter, parent);
    adoptParents(staged.layerPath, parents, impliedDirs ?? []);
    return { staged, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

/** Makes the snapshot of a layer that has none. */
export async function makeSnapshot(unpacker: Unpacker, layer: Layer): Promise<void> {
  const { rooms: { snapshots }, scope, snapshotter } = unpacker;
  if (!snapshots.canStage(snapshotter)) return await makeThroughMounts(unpacker, layer);
  const fresh = await unpackBeside(unpacker, layer);
  const { name, parent } = layer;
  try {
    await snapshots.commitStaged(scope, snapshotter, fresh.staged.id, { name, parent });
  } catch (error) {
    await fresh.discard();
    throw error;
  }
}

async function makeThroughMounts(
  { rooms: { content, snapshots, workers }, scope, snapshotter, signal }: Unpacker,
  { target, diffId, name, parent }: Layer,
): Promise<void> {
  const key = `extract-${crypto.randomUUID()} ${name}`;
  const mounts = await snapshots.prepare(scope, snapshotter, key, parent, {});
  try {
    const diff = { ...target, size: BigInt(target.size), annotations: {} };
    const { digest } = await applyDiff(content, workers, scope, { diff, mounts }, signal);
    checkDiffId(target.digest, diffId, digest);
    await snapshots.commit(scope, snapshotter, name, key);
  } catch (error) {
    await snapshots.remove(scope, snapshotter, key);
    throw error;
  }
}

function checkDiffId(digest: string, expected: string, found: string | undefined): void {
  if (found === expected) return;
  throw failedPrecondition(`layer ${digest}: unpacks to ${found}, the config says ${expected}`);
}

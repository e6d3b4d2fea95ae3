/**
 * Snapshots that are whole trees (native, btrfs) compared with the layers that they were made of. Damage below would
 * be in every copy made of it, so the layers are unpacked on top of each other once more, beside what is there.
 */
import { Code, failedPrecondition, isError } from "../errors.ts";
import { withTempMount } from "../sys/mod.ts";
import { applyDiff } from "./apply_diff.ts";
import { compareFiles } from "./compare.ts";
import type { Layer, Unpacker } from "./fresh_layer.ts";

/** A layer whose snapshot has other files. */
export interface BadSnapshot {
  readonly layer: Layer;
  readonly problem: string;
}

/** What a look at a chain found. */
export interface ChainChecked {
  readonly bad: readonly BadSnapshot[];
  /** Snapshots that were compared. */
  readonly layers: number;
  /** What couldn't be compared, and why. */
  readonly skipped: readonly string[];
}

/** Compares the snapshots of `layers`, lowest first. Throws what unpacking throws, ResourceExhausted on a full disk. */
export async function checkChain(
  unpacker: Unpacker,
  layers: readonly Layer[],
  broken: ReadonlySet<string> = new Set(),
): Promise<ChainChecked> {
  const { rooms: { content, snapshots }, scope, snapshotter } = unpacker;
  const bad: BadSnapshot[] = [];
  const skipped: string[] = [];
  const made: string[] = [];
  let compared = 0;
  try {
    for (const layer of layers) {
      if (!snapshots.has(scope, snapshotter, layer.name)) break;
      const { digest } = layer.target;
      const lost = broken.has(digest) ? "damaged" : content.has(scope, digest) ? undefined : "dropped";
      if (lost) {
        skipped.push(`snapshot ${layer.name}, and what is on top of it: its layer ${digest} is ${lost}`);
        break;
      }
      const below = made.at(-1) ?? "";
      made.push(await unpackOn(unpacker, layer, below));
      const problem = await compareSnapshots(unpacker, made.at(-1)!, layer.name);
      compared++;
      if (problem) bad.push({ layer, problem });
    }
  } finally {
    for (const name of made.reverse()) await snapshots.remove(scope, snapshotter, name);
  }
  return { bad, layers: compared, skipped };
}

/** A layer on top of one that was unpacked before, under a name of its own. */
async function unpackOn(
  { rooms: { content, snapshots, workers }, scope, snapshotter, signal }: Unpacker,
  { target, diffId, name }: Layer,
  below: string,
): Promise<string> {
  const fresh = `check-${crypto.randomUUID()} ${name}`;
  const key = `${fresh} unpacking`;
  const mounts = await snapshots.prepare(scope, snapshotter, key, below, {});
  try {
    const diff = { ...target, size: BigInt(target.size), urls: undefined, annotations: {} };
    const { digest } = await applyDiff(content, workers, scope, { diff, mounts }, signal);
    if (digest !== diffId) {
      throw failedPrecondition(`layer ${target.digest}: unpacks to ${digest}, the config says ${diffId}`);
    }
    // It is thrown away soon: no disk has to hold it.
    await snapshots.commit(scope, snapshotter, fresh, key, { sync: false });
    return fresh;
  } catch (error) {
    await snapshots.remove(scope, snapshotter, key);
    throw error;
  }
}

async function compareSnapshots(
  unpacker: Unpacker,
  expected: string,
  found: string,
): Promise<string | undefined> {
  return await withView(unpacker, expected, async (one) => {
    try {
      return await withView(unpacker, found, (other) => compareFiles(one, other, unpacker.signal));
    } catch (error) {
      // Of what isn't there no mount is made.
      const isGone = isError(error, Code.NotFound) || error instanceof Deno.errors.NotFound;
      if (isGone) return "its files are gone";
      throw error;
    }
  });
}

async function withView<T>(
  { rooms: { snapshots }, scope, snapshotter }: Unpacker,
  name: string,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const key = `view-${crypto.randomUUID()} ${name}`;
  const mounts = await snapshots.view(scope, snapshotter, key, name, {});
  try {
    return await withTempMount(mounts, work);
  } finally {
    await snapshots.remove(scope, snapshotter, key);
  }
}

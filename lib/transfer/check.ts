/** What is wrong with an image, in a list. */
import type { Image } from "../api/services/images/v1/images.ts";
import type { Unpacker } from "./fresh_layer.ts";
import { Verification } from "./verify.ts";
import { checkChain } from "./verify_chain.ts";

/** One thing that is not as it was. */
export interface Damage {
  readonly kind: "blob" | "snapshot";
  /** Digest of the blob, key of the snapshot. */
  readonly name: string;
  readonly problem: string;
}

/** What a look at an image found. */
export interface Checked {
  readonly damages: readonly Damage[];
  /** Blobs that were read and found right. */
  readonly blobs: number;
  /** Layers whose files were compared. */
  readonly layers: number;
  /** What couldn't be compared, and why. */
  readonly skipped: readonly string[];
}

/** Reads all blobs of an image, and compares its snapshots with its layers. Throws ResourceExhausted on a full disk. */
export async function checkImage(unpacker: Unpacker, image: Image): Promise<Checked> {
  const verification = new Verification(unpacker);
  const bad = await verification.badBlobs(image);
  const damages: Damage[] = bad.map(({ target, problem }) => ({
    kind: "blob",
    name: target.digest,
    problem,
  }));
  const broken = new Set(bad.map(({ target }) => target.digest));
  const host = await verification.hostLayers(image, broken);
  const { snapshots } = unpacker.rooms;
  if (host && !snapshots.canStage(unpacker.snapshotter)) {
    const chain = await checkChain(unpacker, host.layers, broken);
    for (const { layer, problem } of chain.bad) damages.push({ kind: "snapshot", name: layer.name, problem });
    return { damages, blobs: verification.blobs, layers: chain.layers, skipped: chain.skipped };
  }
  for (const layer of host?.layers ?? []) {
    if (broken.has(layer.target.digest)) {
      verification.skipped.push(`snapshot ${layer.name}: its layer ${layer.target.digest} is damaged`);
      continue;
    }
    const found = await verification.badSnapshot(layer);
    await found?.fresh.discard();
    if (found) damages.push({ kind: "snapshot", name: layer.name, problem: found.problem });
  }
  const { blobs, layers, skipped } = verification;
  return { damages, blobs, layers, skipped };
}

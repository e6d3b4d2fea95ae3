/** A thousand random layers, unpacked by us and by Debian's containerd: the same trees. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { adoptParents, type AppliedLayer, LayerApplier } from "../../../lib/archive/mod.ts";
import { messageOf } from "../../../lib/errors.ts";
import { Scratch } from "../../harness/mod.ts";
import { makeTar, type TarItem } from "../../harness/tar.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";
import { type Applied, Reference } from "./reference.ts";
import { ignorable, whyDifferent, whyTheyRefuse } from "./justified.ts";
import { baseLayer, upperLayer } from "./random_layers.ts";

const PAIRS = 1000;
const SEED = 20260117;
const DIFFERENT = "different";

Deno.test("1,000 random layers unpack as containerd unpacks them, or are refused for a known reason", async () => {
  await using reference = await Reference.start();
  await using scratch = await Scratch.make("shm");
  const pairs = fc.sample(fc.tuple(baseLayer, upperLayer), { numRuns: PAIRS, seed: SEED });
  const tally: Record<string, number> = {};
  const faults: string[] = [];
  for (const [n, layers] of pairs.entries()) {
    const snapshotter = n % 4 === 3 ? "native" : "overlayfs";
    await comparePair(reference, scratch.join(String(n)), snapshotter, layers, tally, faults);
  }
  assert.deepEqual(faults.slice(0, 3), [], `${faults.length} layers differ`);
  assert.ok(tally.equal! >= 1000, `too few layers could be compared: ${JSON.stringify(tally)}`);
});

async function comparePair(
  reference: Reference,
  dir: string,
  snapshotter: "overlayfs" | "native",
  layers: TarItem[][],
  tally: Record<string, number>,
  faults: string[],
) {
  const packed = layers.map((items) => new Uint8Array(gzipSync(makeTar(items), { level: 1 })));
  const theirs = await reference.apply(snapshotter, packed);
  const start = Date.now() / 1000 - 3600;
  for (const [n, expected] of theirs.entries()) {
    const overlay = snapshotter === "overlayfs" && n > 0;
    const target = overlay ? `${dir}-upper` : dir;
    await Deno.mkdir(target, { recursive: true });
    const ours = unpack(packed[n]!, target, overlay ? dir : undefined);
    const ignore = (difference: Difference) => ignorable(difference, start, n > 0 ? snapshotter : "");
    const outcome = judge(ours, expected, target, layers[n]!, ignore);
    tally[outcome.kind] = (tally[outcome.kind] ?? 0) + 1;
    if (outcome.kind === DIFFERENT) {
      faults.push(`${snapshotter}, layer ${n} of ${show(layers)}${outcome.why}`);
    }
    if (outcome.kind !== "equal") return;
  }
}

const show = (layers: TarItem[][]) =>
  JSON.stringify(layers, (key, value) => key === "body" ? value?.length : value, 1);

type Ignore = (difference: Difference) => boolean;
type Ours = AppliedLayer | Error;

function unpack(layer: Uint8Array<ArrayBuffer>, dir: string, parent: string | undefined): Ours {
  try {
    using applier = new LayerApplier({ dir, form: parent ? "overlay" : "plain" });
    applier.push(layer);
    const applied = applier.finish();
    if (parent) adoptParents(dir, [parent], applied.impliedDirs);
    return applied;
  } catch (error) {
    return error as Error;
  }
}

interface Verdict {
  kind: string;
  why?: string;
}

function judge(ours: Ours, theirs: Applied, dir: string, items: TarItem[], ignore: Ignore): Verdict {
  if (ours instanceof Error || theirs.error) {
    const why = `\nours: ${ours instanceof Error ? messageOf(ours) : "ok"}\ncontainerd: ${
      theirs.error ?? "ok"
    }`;
    if (ours instanceof Error) return { kind: theirs.error ? "both refuse" : DIFFERENT, why };
    return { kind: whyTheyRefuse(items, theirs.error!) ?? DIFFERENT, why };
  }
  const differences = compareTrees(readTree(dir), readTree(theirs.dir), ignore);
  if (ours.diffId !== theirs.diffId || ours.size !== theirs.size) {
    return {
      kind: DIFFERENT,
      why: `\nreported: ${ours.diffId} ${ours.size}, not ${theirs.diffId} ${theirs.size}`,
    };
  }
  if (differences.length === 0) return { kind: "equal" };
  const why = "\n" + JSON.stringify(differences, null, 1);
  return { kind: whyDifferent(items, differences) ?? DIFFERENT, why };
}

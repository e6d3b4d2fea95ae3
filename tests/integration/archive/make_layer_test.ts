/** Layers made of random work on overlays: read both ways, applied again by us and by Debian's containerd. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree, type Tree } from "../../harness/tree.ts";
import { applyTo, Overlay, tarOf } from "./overlay.ts";
import { Reference } from "./reference.ts";
import { doAll, step } from "./random_changes.ts";

const RUNS = 250;
const SEED = 20261123;

/** The root is no entry of a layer. An overlay counts the names of a lower file that it hides; `sameAs` does not. */
const known = ({ path, field }: Difference) => path === "" || field === "links";

Deno.test("a layer read from an upper directory is the one read from mounts, and gives the tree again", async () => {
  await using scratch = await Scratch.make("shm");
  await using reference = await Reference.start();
  const before = fc.array(step, { minLength: 5, maxLength: 25 });
  const after = fc.array(step, { maxLength: 20 });
  const done: Record<string, number> = {};
  for (const [n, steps] of fc.sample(fc.tuple(before, after), { numRuns: RUNS, seed: SEED }).entries()) {
    await using overlay = await Overlay.make(
      scratch.join(String(n)),
      (lower) => doAll(lower, steps[0], done),
    );
    await doAll(overlay.merged, steps[1], done);
    const { lower, upper, merged } = overlay;
    const show = JSON.stringify(steps, null, 1);
    const fast = await tarOf({ lower, upper, form: "overlay" });
    const double = await tarOf({ lower, upper: merged, form: "plain" });
    assert.ok(equal(fast, double), `the two ways differ: ${show}`);
    await checkTrees(reference, overlay, fast, show);
  }
  const seldom = Object.entries(done).filter(([, count]) => count < RUNS / 10);
  assert.deepEqual(seldom, [], "every kind of step was done often enough");
  assert.equal(Object.keys(done).length, 14);
});

const equal = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

async function checkTrees(
  reference: Reference,
  overlay: Overlay,
  layer: Uint8Array<ArrayBuffer>,
  show: string,
) {
  const { dir, lower, merged } = overlay;
  const wanted = readTree(merged);
  // Ours, into a tree that shows what was before, and into an upper directory of another overlay.
  await must("cp", ["-a", lower, `${dir}/plain`]);
  applyTo(`${dir}/plain`, layer);
  assert.deepEqual(compareTrees(readTree(`${dir}/plain`), wanted, known), [], `plain: ${show}`);
  await Deno.mkdir(`${dir}/again`);
  applyTo(`${dir}/again`, layer, lower);
  assert.deepEqual(await mounted(overlay, `${dir}/again`, lower, wanted), [], `overlay: ${show}`);
  const base = await tarOf({ upper: lower, form: "plain" });
  const [below, top] = await reference.apply("overlayfs", [base, layer]);
  assert.equal(below!.error ?? top!.error, undefined, show);
  assert.deepEqual(await mounted(overlay, top!.dir, below!.dir, wanted), [], `containerd: ${show}`);
}

/** What an overlay of two directories doesn't have in common with a tree. */
async function mounted(
  { merged }: Overlay,
  upper: string,
  lower: string,
  wanted: Tree,
): Promise<Difference[]> {
  await unmountAll(merged);
  const options = ["ro", "index=off", `lowerdir=${upper}:${lower}`];
  mountAll([{ type: "overlay", source: "overlay", target: "", options }], merged);
  return compareTrees(readTree(merged), wanted, known);
}

/** Layers made of random work on overlays: read both ways, applied again by us and by Debian's containerd. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  adoptParents,
  LayerApplier,
  type LayerSource,
  makeLayer,
  NeedsMountError,
} from "../../../lib/archive/mod.ts";
import { closeFd, mountAll, openDirectory, unmountAll } from "../../../lib/sys/mod.ts";
import { concat } from "../../harness/tar.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree, type Tree } from "../../harness/tree.ts";
import { Reference } from "./reference.ts";
import { doAll, type Step, step } from "./random_changes.ts";

const RUNS = 300;
const SEED = 20261123;

/** A lower tree and an overlay on it, mounted. */
class Overlay implements AsyncDisposable {
  readonly dir: string;
  readonly lower: string;
  readonly upper: string;
  readonly merged: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.lower = `${dir}/lower`;
    this.upper = `${dir}/upper`;
    this.merged = `${dir}/merged`;
  }

  static async make(dir: string, before: readonly Step[], options: string[] = []): Promise<Overlay> {
    const overlay = new Overlay(dir);
    const { lower, upper, merged } = overlay;
    for (const path of [lower, upper, merged, `${dir}/work`]) await Deno.mkdir(path, { recursive: true });
    await work(lower, before);
    mountAll([{
      type: "overlay",
      source: "overlay",
      target: "",
      options: ["index=off", ...options, `lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${dir}/work`],
    }], merged);
    return overlay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountAll(this.merged);
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function work(dir: string, steps: readonly Step[]): Promise<number> {
  const fd = openDirectory(dir);
  try {
    return await doAll(dir, fd, steps);
  } finally {
    closeFd(fd);
  }
}

async function make(source: LayerSource, sourceDate?: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  await makeLayer(source, (bytes) => void parts.push(bytes.slice()), { compression: "none", sourceDate });
  return concat(parts);
}

function apply(layer: Uint8Array<ArrayBuffer>, dir: string, lower?: string) {
  using applier = new LayerApplier({ dir, form: lower ? "overlay" : "plain" });
  applier.push(layer);
  const { impliedDirs } = applier.finish();
  if (lower) adoptParents(dir, [lower], impliedDirs);
}

const root = ({ path }: { path: string }) => path === "";

Deno.test("a layer read from an overlay's upper directory is the one read from mounts, and gives the tree again", async () => {
  await using scratch = await Scratch.make("shm");
  await using reference = await Reference.start();
  const arbitrary = fc.tuple(
    fc.array(step, { minLength: 5, maxLength: 25 }),
    fc.array(step, { maxLength: 20 }),
  );
  let entries = 0;
  for (const [n, [before, after]] of fc.sample(arbitrary, { numRuns: RUNS, seed: SEED }).entries()) {
    await using overlay = await Overlay.make(scratch.join(String(n)), before);
    await work(overlay.merged, after);
    const { lower, upper, merged } = overlay;
    const show = JSON.stringify({ before, after }, null, 1);
    const fast = await make({ lower, upper, form: "overlay" });
    const double = await make({ lower, upper: merged, form: "plain" });
    assert.ok(
      fast.length === double.length && fast.every((byte, at) => byte === double[at]),
      `differs: ${show}`,
    );
    entries += fast.length;
    await checkTrees(reference, overlay, fast, show);
  }
  assert.ok(entries > RUNS * 1500, `too little was in the layers: ${entries} bytes`);
});

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
  apply(layer, `${dir}/plain`);
  assert.deepEqual(compareTrees(readTree(`${dir}/plain`), wanted, root), [], `plain: ${show}`);
  await Deno.mkdir(`${dir}/again`);
  apply(layer, `${dir}/again`, lower);
  assert.deepEqual(await mounted(overlay, `${dir}/again`, lower, wanted), [], `overlay: ${show}`);
  const base = await make({ upper: lower, form: "plain" });
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
  mountAll([{
    type: "overlay",
    source: "overlay",
    target: "",
    options: ["ro", "index=off", `lowerdir=${upper}:${lower}`],
  }], merged);
  return compareTrees(readTree(merged), wanted, root);
}

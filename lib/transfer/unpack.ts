/**
 * Unpacking an image into a chain of snapshots. Layers are fetched and unpacked side by side into staged
 * directories; they become snapshots in the order of the chain, each when its parent is one.
 */
import { adoptParents } from "../archive/mod.ts";
import { Code, failedPrecondition, isError } from "../errors.ts";
import { chainIds, uncompressedLabel } from "../images/mod.ts";
import type { Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { applyDiff } from "./apply_diff.ts";
import type { StagedLayer, TransferRooms } from "./download.ts";
import type { Flights } from "./flights.ts";
import { progressOf, type Report } from "./progress.ts";
import type { LayerSource } from "./stored_layers.ts";

/** What is to be unpacked, and where to. */
export interface UnpackPlan {
  readonly layers: readonly Target[];
  readonly diffIds: readonly string[];
  readonly snapshotter: string;
  /** Wait until files are on disk before they become a snapshot (true unless said). */
  readonly sync?: boolean;
  /** Layers that are unpacked need not be here. */
  readonly discard?: boolean;
}

/** One pull's unpacking of one image. */
export class Unpacking {
  readonly #rooms: TransferRooms;
  readonly #flights: Flights;
  readonly #source: LayerSource;
  readonly #scope: Scope;
  readonly #report: Report;
  readonly #plan: UnpackPlan;
  readonly #chain: readonly string[];

  constructor(
    rooms: TransferRooms,
    flights: Flights,
    source: LayerSource,
    { scope, report, plan }: { scope: Scope; report: Report; plan: UnpackPlan },
  ) {
    this.#rooms = rooms;
    this.#flights = flights;
    this.#source = source;
    this.#scope = scope;
    this.#report = report;
    this.#plan = plan;
    this.#chain = chainIds(plan.diffIds);
  }

  /** Unpacks all layers; gives the top snapshot's name, empty for an image without layers. */
  async run(signal: AbortSignal): Promise<string> {
    const { layers, diffIds } = this.#plan;
    if (layers.length !== diffIds.length) {
      throw failedPrecondition(`manifest has ${layers.length} layers, its config has ${diffIds.length}`);
    }
    if (layers.length) await this.#upTo(layers.length - 1, signal);
    return this.#chain.at(-1) ?? "";
  }

  /** The layers up to `n` as snapshots. Whoever else wants the same chain joins. */
  async #upTo(n: number, signal: AbortSignal): Promise<void> {
    const { snapshotter } = this.#plan;
    const name = this.#chain[n]!;
    const key = `chain ${this.#scope.namespace} ${snapshotter} ${name}`;
    for (let attempt = 1;; attempt++) {
      let own = false;
      const work = (signal: AbortSignal) => {
        own = true;
        return this.#make(n, signal);
      };
      try {
        await this.#flights.join(key, work, { signal });
        await this.#keep(name);
        return;
      } catch (error) {
        if (own || signal.aborted || attempt >= 3) throw error;
      }
    }
  }

  async #make(n: number, signal: AbortSignal): Promise<void> {
    const { snapshotter, layers } = this.#plan;
    const layer = layers[n]!;
    // One that fails ends the others.
    const abort = new AbortController();
    const both = AbortSignal.any([signal, abort.signal]);
    const parent = n > 0 ? this.#upTo(n - 1, both) : Promise.resolve();
    if (this.#rooms.snapshots.has(this.#scope, snapshotter, this.#chain[n]!)) {
      const blob = this.#plan.discard ? Promise.resolve() : this.#source.blob(layer, both);
      await Promise.all([parent, blob].map((one) => orAbort(one, abort)));
      return;
    }
    if (!this.#rooms.snapshots.canStage(snapshotter)) return await this.#applyAfter(parent, n, abort, both);
    const staging = this.#source.layer(layer, { snapshotter, accompanied: this.#isAccompanied(n) }, both);
    const [below, staged] = await Promise.allSettled([orAbort(parent, abort), orAbort(staging, abort)]);
    if (staged.status === "rejected") throw firstOf(below, staged);
    try {
      if (below.status === "rejected") throw below.reason;
      await this.#commit(n, staged.value);
    } catch (error) {
      await this.#source.discard(snapshotter, staged.value);
      if (!isError(error, Code.AlreadyExists)) throw error;
    }
    this.#report(progressOf("extracted", layer, Number(layer.size)));
  }

  /** Whether the other layers that are still to be unpacked are more work together. */
  #isAccompanied(n: number): boolean {
    const { layers, snapshotter } = this.#plan;
    const missing = layers.filter((_, at) =>
      !this.#rooms.snapshots.has(this.#scope, snapshotter, this.#chain[at]!)
    );
    return missing.reduce((sum, { size }) => sum + Number(size), 0) > 2 * Number(layers[n]!.size);
  }

  async #commit(n: number, { staged, result }: StagedLayer): Promise<void> {
    const { snapshots } = this.#rooms;
    const { snapshotter } = this.#plan;
    this.#checkDiffId(n, result.diffId!);
    await this.#label(n);
    const parent = this.#chain[n - 1] ?? "";
    const name = this.#chain[n]!;
    const parents = snapshots.layerPaths(this.#scope, snapshotter, parent);
    adoptParents(staged.layerPath, parents, result.impliedDirs ?? []);
    await snapshots.commitStaged(this.#scope, snapshotter, staged.id, {
      name,
      parent,
      sync: this.#plan.sync,
    });
  }

  /** For snapshotters whose layers need their parents first: one after another, through mounts. */
  async #applyAfter(
    parent: Promise<void>,
    n: number,
    abort: AbortController,
    signal: AbortSignal,
  ): Promise<void> {
    const { content, snapshots, workers } = this.#rooms;
    const { snapshotter, layers } = this.#plan;
    const layer = layers[n]!;
    await Promise.all([parent, this.#source.blob(layer, signal)].map((one) => orAbort(one, abort)));
    const name = this.#chain[n]!;
    const key = `extract-${crypto.randomUUID()} ${name}`;
    const below = this.#chain[n - 1] ?? "";
    const mounts = await snapshots.prepare(this.#scope, snapshotter, key, below, {});
    try {
      const diff = { ...layer, size: BigInt(layer.size), annotations: {} };
      this.#report(progressOf("extracting", layer));
      const { digest } = await applyDiff(content, workers, this.#scope, { diff, mounts }, signal);
      this.#checkDiffId(n, digest);
      await this.#label(n);
      await snapshots.commit(this.#scope, snapshotter, name, key, { sync: this.#plan.sync });
    } catch (error) {
      await snapshots.remove(this.#scope, snapshotter, key);
      if (!isError(error, Code.AlreadyExists)) throw error;
    }
    this.#report(progressOf("extracted", layer, Number(layer.size)));
  }

  #checkDiffId(n: number, found: string): void {
    const expected = this.#plan.diffIds[n];
    if (found === expected) return;
    const { digest } = this.#plan.layers[n]!;
    throw failedPrecondition(`layer ${digest}: unpacks to ${found}, the config says ${expected}`);
  }

  async #label(n: number): Promise<void> {
    const { content } = this.#rooms;
    const { digest } = this.#plan.layers[n]!;
    const diffId = this.#plan.diffIds[n]!;
    if (digest === diffId || content.info(this.#scope, digest).labels[uncompressedLabel] === diffId) return;
    await content.update(this.#scope, { digest, labels: { [uncompressedLabel]: diffId } }, [
      `labels.${uncompressedLabel}`,
    ]);
  }

  async #keep(name: string): Promise<void> {
    const { leases, snapshots } = this.#rooms;
    const { snapshotter } = this.#plan;
    const { lease } = this.#scope;
    if (lease) await leases.addResource(this.#scope, lease, { type: `snapshots/${snapshotter}`, id: name });
    snapshots.stat(this.#scope, snapshotter, name);
  }
}

async function orAbort<T>(work: Promise<T>, abort: AbortController): Promise<T> {
  try {
    return await work;
  } catch (error) {
    abort.abort(error);
    throw error;
  }
}

/** Of two failures the one that came first: it is the other's abort reason. */
function firstOf(one: PromiseSettledResult<unknown>, other: PromiseRejectedResult): unknown {
  return one.status === "rejected" ? one.reason : other.reason;
}

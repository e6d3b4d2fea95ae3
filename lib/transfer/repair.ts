/**
 * Mending an image: blobs that are damaged or missing come from the registry once more, layers whose files have
 * changed are unpacked once more. What runs on the old files goes on with them.
 */
import type { Image } from "../api/services/images/v1/images.ts";
import { Code, CtrError, failedPrecondition, isError } from "../errors.ts";
import {
  childLabels,
  DEEPEST,
  isIndexType,
  isManifestType,
  type Manifest,
  parseDocument,
  snapshotLabel,
} from "../images/mod.ts";
import { Remote } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { about, Download, type TransferRooms } from "./download.ts";
import type { Flights } from "./flights.ts";
import { type Layer, makeSnapshot, type Unpacker } from "./fresh_layer.ts";
import { sourcesOf } from "./sources.ts";
import { type RegistryRequest, remoteOptions } from "./transfer.ts";
import { type BadBlob, Verification } from "./verify.ts";
import { checkChain } from "./verify_chain.ts";

/** How an image's registry is reached; its name says which. */
export type RepairRequest = Omit<RegistryRequest, "reference"> & {
  readonly snapshotter: string;
  readonly registryDirs?: readonly string[];
};

/** Something that was found, done, or is to be known. */
export interface RepairStep {
  /** "container": the snapshot of one that runs on, with the old files. */
  readonly step: "found" | "fetched" | "unpacked" | "container";
  /** Digest of a blob, or key of a snapshot. */
  readonly name: string;
  readonly detail: string;
}

/** One repair under way, within a lease. */
export class Repair {
  readonly #rooms: TransferRooms;
  readonly #flights: Flights;
  readonly #scope: Scope;
  readonly #request: RepairRequest;
  readonly #signal: AbortSignal;
  readonly #unpacker: Unpacker;
  readonly #verification: Verification;
  /** Digests that had lost their records: what their labels said is lost too. */
  readonly #forgotten = new Set<string>();

  constructor(
    rooms: TransferRooms,
    flights: Flights,
    { scope, request, signal }: { scope: Scope; request: RepairRequest; signal: AbortSignal },
  ) {
    this.#rooms = rooms;
    this.#flights = flights;
    this.#scope = scope;
    this.#request = request;
    this.#signal = signal;
    this.#unpacker = { rooms, scope, snapshotter: request.snapshotter, signal };
    this.#verification = new Verification(this.#unpacker);
  }

  /** Mends `image`. Throws what the registry says when it doesn't have a blob, ResourceExhausted on a full disk. */
  async *run(image: Image): AsyncGenerator<RepairStep> {
    yield* this.#mendBlobs(image);
    const host = await this.#verification.hostLayers(image);
    if (!host) return;
    if (this.#rooms.snapshots.canStage(this.#request.snapshotter)) {
      for (const layer of host.layers) yield* this.#mendSnapshot(layer);
    } else yield* this.#dropDamaged(host.layers);
    yield* this.#unpackMissing(host);
  }

  /** Below a document that was bad there may be more: so it is looked again until all is well. */
  async *#mendBlobs(image: Image): AsyncGenerator<RepairStep> {
    for (let depth = 0; depth <= DEEPEST + 1; depth++) {
      const bad = await this.#verification.badBlobs(image);
      if (!bad.length) return;
      for (const blob of bad) {
        yield { step: "found", name: blob.target.digest, detail: blob.problem };
        const from = await this.#fetch(image, blob);
        yield { step: "fetched", name: blob.target.digest, detail: from };
      }
    }
    throw new CtrError(
      Code.DataLoss,
      `${image.name}: what is written is not what is read: the disk is failing`,
    );
  }

  /** Gives the repository that had it. The error is that of the one asked last, if none has it. */
  async #fetch(image: Image, { target }: BadBlob): Promise<string> {
    const { content } = this.#rooms;
    const sources = sourcesOf(image, this.#labels(target.digest), this.#labels(image.target!.digest));
    let failure: unknown = failedPrecondition(
      `${image.name} names no registry, and ${target.digest} has no distribution.source label: pull it by its name`,
    );
    for (const reference of sources) {
      const remote = new Remote(
        reference,
        remoteOptions({ ...this.#request, auth: this.#authFor(image, reference) }),
      );
      const download = new Download(this.#rooms, this.#flights, remote, this.#scope, () => {});
      try {
        if (content.has(this.#scope, target.digest)) {
          await content.mend(this.#scope, target.digest, (path) => download.file(target, path, this.#signal));
        } else await this.#fetchAnew(download, target);
        return `${remote.reference.host}/${remote.reference.repository}`;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (isError(error, Code.ResourceExhausted)) throw error;
        failure = about(`${reference}: ${target.digest}`, error);
      }
    }
    throw failure;
  }

  /** The user's credentials are meant for the image's own registry, not for those that labels name. */
  #authFor({ name }: Image, reference: string): RepairRequest["auth"] {
    const hostOf = (name: string) => name.slice(0, name.indexOf("/"));
    return hostOf(name) === hostOf(reference) ? this.#request.auth : undefined;
  }

  #labels(digest: string): Readonly<Record<string, string>> {
    const { content } = this.#rooms;
    return content.has(this.#scope, digest) ? content.info(this.#scope, digest).labels : {};
  }

  async #fetchAnew(download: Download, target: BadBlob["target"]): Promise<void> {
    const { content } = this.#rooms;
    const { digest, mediaType } = target;
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) {
      await download.blob(target, this.#signal);
    } else {
      const document = parseDocument(await download.document(target, this.#signal), target);
      const labels = childLabels(document);
      await content.update(
        this.#scope,
        { digest, labels },
        Object.keys(labels).map((name) => `labels.${name}`),
      );
    }
    this.#forgotten.add(digest);
  }

  async *#mendSnapshot(layer: Layer): AsyncGenerator<RepairStep> {
    const { snapshots } = this.#rooms;
    const { snapshotter } = this.#request;
    const bad = await this.#verification.badSnapshot(layer);
    if (!bad) return;
    let used = false;
    try {
      yield { step: "found", name: layer.name, detail: bad.problem };
      const running = await snapshots.mountedOn(this.#scope, snapshotter, layer.name);
      await snapshots.replace(this.#scope, snapshotter, layer.name, bad.fresh.staged.id);
      used = true;
      yield { step: "unpacked", name: layer.name, detail: layer.target.digest };
      for (const name of running) {
        yield { step: "container", name, detail: "goes on with the old files until it is started again" };
      }
    } finally {
      if (!used) await bad.fresh.discard();
    }
  }

  /** Where a snapshot is a copy of all below it, those from the lowest damaged one up are made anew. */
  async *#dropDamaged(layers: readonly Layer[]): AsyncGenerator<RepairStep> {
    const { snapshots } = this.#rooms;
    const { snapshotter } = this.#request;
    const { bad: [lowest] } = await checkChain(this.#unpacker, layers);
    if (!lowest) return;
    yield { step: "found", name: lowest.layer.name, detail: lowest.problem };
    for (const { name } of layers.slice(layers.indexOf(lowest.layer)).reverse()) {
      if (!snapshots.has(this.#scope, snapshotter, name)) continue;
      try {
        await snapshots.remove(this.#scope, snapshotter, name);
      } catch (error) {
        if (!isError(error, Code.FailedPrecondition)) throw error;
        const what = "is in use by a container, which has a copy of the damage: remove it, then repair again";
        throw failedPrecondition(`snapshot ${name} ${what}`);
      }
    }
  }

  /** Of an image that was unpacked, as its config's label says, the snapshots that are gone are made again. */
  async *#unpackMissing(
    { manifest, layers }: { manifest: Manifest; layers: readonly Layer[] },
  ): AsyncGenerator<RepairStep> {
    const { content, snapshots } = this.#rooms;
    const { snapshotter } = this.#request;
    const { digest } = manifest.config;
    const label = snapshotLabel(snapshotter);
    const was = this.#labels(digest)[label] !== undefined || this.#forgotten.has(digest);
    const top = layers.at(-1);
    const missing = layers.filter(({ name }) => !snapshots.has(this.#scope, snapshotter, name));
    if (!was || !top) return;
    for (const layer of missing) {
      yield { step: "found", name: layer.name, detail: "is missing" };
      await makeSnapshot(this.#unpacker, layer);
      yield { step: "unpacked", name: layer.name, detail: layer.target.digest };
    }
    if (this.#labels(digest)[label] === top.name) return;
    await content.update(this.#scope, { digest, labels: { [label]: top.name } }, [`labels.${label}`]);
  }
}

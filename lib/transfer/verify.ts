/**
 * What a disk has lost of an image: each blob is read and its digest taken, each layer is unpacked once more
 * beside its snapshot and compared with it.
 */
import { createHash } from "node:crypto";
import type { Image } from "../api/services/images/v1/images.ts";
import { parseDigest } from "../content/mod.ts";
import { Code, isError, messageOf } from "../errors.ts";
import {
  chainIds,
  DEEPEST,
  defaultPlatform,
  type Descriptor,
  isConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
  matches,
  parseConfig,
  readConfig,
  readDocument,
  type Root,
  suitable,
} from "../images/mod.ts";
import type { Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { compareFiles } from "./compare.ts";
import type { TransferRooms } from "./download.ts";
import { type FreshLayer, type Layer, unpackBeside, type Unpacker } from "./fresh_layer.ts";

/** A blob that isn't what its digest says, or isn't there. */
export interface BadBlob {
  readonly target: Target;
  readonly problem: string;
}

/** One look at one image. */
export class Verification {
  readonly #unpacker: Unpacker;
  readonly #rooms: TransferRooms;
  readonly #scope: Scope;
  readonly #signal: AbortSignal;
  readonly #snapshotter: string;
  /** Read and found right: not read again. */
  readonly #good = new Set<string>();
  #visited = new Set<string>();
  /** Layers whose files were compared. */
  layers = 0;
  /** What couldn't be compared, and why. */
  readonly skipped: string[] = [];

  constructor(unpacker: Unpacker) {
    this.#unpacker = unpacker;
    this.#rooms = unpacker.rooms;
    this.#scope = unpacker.scope;
    this.#snapshotter = unpacker.snapshotter;
    this.#signal = unpacker.signal;
  }

  /** Blobs that were read and found right. */
  get blobs(): number {
    return this.#good.size;
  }

  /** Blobs of the image that are damaged or missing. Below a bad document nothing is known. */
  async badBlobs(image: Image): Promise<BadBlob[]> {
    const { digest, mediaType, size } = image.target!;
    const bad: BadBlob[] = [];
    this.#visited = new Set();
    await this.#visit({ digest, mediaType, size }, { needed: true, depth: DEEPEST }, bad);
    return bad;
  }

  async #visit(target: Target, walk: { needed: boolean; depth: number }, bad: BadBlob[]): Promise<void> {
    // Each once a look, but again at the next: what is below may have come or gone by then.
    const visit = `${target.digest} ${walk.needed}`;
    if (this.#visited.has(visit)) return;
    this.#visited.add(visit);
    const has = ({ digest }: Target) => this.#rooms.content.has(this.#scope, digest);
    if (has(target)) await this.#hold("content", target.digest);
    const recorded = has(target);
    if (!recorded && !walk.needed) return;
    const isKnownGood = recorded && this.#good.has(target.digest);
    const problem = isKnownGood ? undefined : recorded ? await this.#problemOf(target) : "is missing";
    if (problem) {
      const isTold = bad.some(({ target: { digest } }) => digest === target.digest);
      if (!isTold) bad.push({ target, problem });
      return;
    }
    this.#good.add(target.digest);
    if (walk.depth === 0 || !isIndexType(target.mediaType) && !isManifestType(target.mediaType)) return;
    const document = await readDocument(this.#rooms.content, this.#scope, target);
    if (document.kind === "manifest") return await this.#visitParts(document, walk, bad);
    const images = document.manifests.filter(({ mediaType }) =>
      isIndexType(mediaType) || isManifestType(mediaType)
    );
    const own = suitable(defaultPlatform(), images)[0];
    // An image that was fetched for another platform only lacks nothing.
    const elsewhere = own && !has(own) && images.some(has);
    for (const child of document.manifests) {
      const needed = walk.needed && child === own && !elsewhere;
      await this.#visit(child, { needed, depth: walk.depth - 1 }, bad);
    }
  }

  /** What lost the record that kept it is not for the collector to take while it is looked at. */
  async #hold(type: string, id: string): Promise<void> {
    const { lease } = this.#scope;
    if (lease) await this.#rooms.leases.addResource(this.#scope, lease, { type, id });
  }

  /** The config first: it tells whether the manifest is this host's, whose parts have to be here. */
  async #visitParts(
    manifest: Manifest,
    { needed }: { needed: boolean },
    bad: BadBlob[],
  ): Promise<void> {
    const known = bad.length;
    await this.#visit(manifest.config, { needed, depth: 0 }, bad);
    const names = bad.length === known && needed ? await this.#unpackedNames(manifest) : [];
    for (const [n, layer] of manifest.layers.entries()) {
      // One that was dropped after it was unpacked is not missed.
      const dropped = names[n] !== undefined && this.#hasSnapshot(names[n]);
      await this.#visit(layer, { needed: needed && !dropped, depth: 0 }, bad);
    }
  }

  async #unpackedNames(manifest: Manifest): Promise<string[]> {
    if (!isConfigType(manifest.config.mediaType)) return [];
    return chainIds((await readConfig(this.#rooms.content, this.#scope, manifest)).diffIds);
  }

  #hasSnapshot(name: string): boolean {
    return this.#rooms.snapshots.has(this.#scope, this.#snapshotter, name);
  }

  /** What is wrong with a blob that has a record. */
  async #problemOf({ digest, mediaType }: Target): Promise<string | undefined> {
    const { content, workers } = this.#rooms;
    const size = Number(content.info(this.#scope, digest).size);
    try {
      const file = content.path(this.#scope, digest);
      const { size: there } = await Deno.stat(file);
      if (there !== size) return `has ${there} bytes, not ${size}`;
      if (parseDigest(digest).algorithm !== "sha256") return await this.#hashHere(digest);
      await workers.run({ source: { file }, expected: { digest, size }, mediaType }, {
        signal: this.#signal,
      });
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) return "its file is missing";
      if (isError(error, Code.FailedPrecondition)) return "does not have the bytes of its digest";
      return `can't be read: ${messageOf(error)}`;
    }
  }

  async #hashHere(digest: string): Promise<string | undefined> {
    const { algorithm, hex } = parseDigest(digest);
    const hash = createHash(algorithm);
    for await (const chunk of this.#rooms.content.read(this.#scope, digest)) hash.update(chunk);
    return hash.digest("hex") === hex ? undefined : "does not have the bytes of its digest";
  }

  /**
   * The layers of the image for this host, lowest first; none if it is an artifact, or if a document that leads
   * there isn't here or is among the `broken`.
   */
  async hostLayers(
    image: Image,
    broken: ReadonlySet<string> = new Set(),
  ): Promise<{ manifest: Manifest; layers: Layer[] } | undefined> {
    const manifest = await this.#hostManifest(image.target!, broken, DEEPEST);
    if (!manifest || !isConfigType(manifest.config.mediaType)) return undefined;
    const { diffIds } = await readConfig(this.#rooms.content, this.#scope, manifest);
    if (diffIds.length !== manifest.layers.length) return undefined;
    const names = chainIds(diffIds);
    const layers = manifest.layers.map((target, n) => ({
      target,
      diffId: diffIds[n]!,
      name: names[n]!,
      parent: names[n - 1] ?? "",
    }));
    return { manifest, layers };
  }

  async #hostManifest(
    target: Root,
    broken: ReadonlySet<string>,
    depth: number,
  ): Promise<Manifest | undefined> {
    const { content } = this.#rooms;
    if (!this.#isGood(target.digest, broken)) return undefined;
    const document = await readDocument(content, this.#scope, target);
    if (document.kind === "manifest") {
      const { mediaType, digest } = document.config;
      if (!isConfigType(mediaType) || !this.#isGood(digest, broken)) return undefined;
      const bytes = await content.readAll(this.#scope, document.config.digest);
      const { platform } = parseConfig(bytes, document.config.digest);
      return !platform.architecture || matches(defaultPlatform(), platform) ? document : undefined;
    }
    const images = document.manifests.filter(({ mediaType }: Descriptor) =>
      isIndexType(mediaType) || isManifestType(mediaType)
    );
    const own = depth > 0 ? suitable(defaultPlatform(), images)[0] : undefined;
    return own && await this.#hostManifest(own, broken, depth - 1);
  }

  #isGood(digest: string, broken: ReadonlySet<string>): boolean {
    return !broken.has(digest) && this.#rooms.content.has(this.#scope, digest);
  }

  /**
   * What is wrong with a layer's snapshot, where snapshotters keep layers apart, and its files as they ought to be.
   * Nothing is wrong with one that isn't there. Throws what unpacking throws, ResourceExhausted on a full disk.
   */
  async badSnapshot(layer: Layer): Promise<{ problem: string; fresh: FreshLayer } | undefined> {
    const { content, snapshots } = this.#rooms;
    if (this.#hasSnapshot(layer.name)) await this.#hold(`snapshots/${this.#snapshotter}`, layer.name);
    if (!this.#hasSnapshot(layer.name)) return undefined;
    if (!content.has(this.#scope, layer.target.digest)) {
      this.skipped.push(`snapshot ${layer.name}: its layer ${layer.target.digest} was dropped`);
      return undefined;
    }
    const fresh = await unpackBeside(this.#unpacker, layer);
    let keep = false;
    try {
      const [found] = snapshots.layerPaths(this.#scope, this.#snapshotter, layer.name);
      const problem = await compareFiles(fresh.staged.layerPath, found!, this.#signal);
      this.layers++;
      keep = problem !== undefined;
      return problem ? { problem, fresh } : undefined;
    } finally {
      if (!keep) await fresh.discard();
    }
  }
}

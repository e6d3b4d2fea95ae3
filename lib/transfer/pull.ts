/** Pulling one image: names to digests, documents, layers, snapshots, and the image's record at last. */
import type { Image } from "../api/services/images/v1/images.ts";
import { Code, failedPrecondition, isError, notFound } from "../errors.ts";
import {
  childLabels,
  childrenOf,
  DEEPEST,
  defaultPlatform,
  type Descriptor,
  Family,
  formatPlatform,
  isConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
  matches,
  parseConfig,
  parseDocument,
  type Platform,
  snapshotLabel,
  suitable,
} from "../images/mod.ts";
import type { ImageStore } from "../metadata/mod.ts";
import { isSchema1Type, type Remote, type Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { Download, type TransferRooms } from "./download.ts";
import type { Flights } from "./flights.ts";
import { labelContent, releaseLayers } from "./label_content.ts";
import { progressOf, progressText, type Report } from "./progress.ts";
import { convertSchema1, schema1Switch } from "./schema1.ts";
import { Unpacking } from "./unpack.ts";

/** What one pull is about. */
export interface PullPlan {
  readonly reference: string;
  /** The image's name; the reference if empty. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty for this machine's. */
  readonly platforms: readonly Platform[];
  readonly allPlatforms: boolean;
  /** Empty if nothing is to be unpacked. */
  readonly snapshotter: string;
  readonly sync: boolean;
  /** Drop blobs of layers that are unpacked. */
  readonly discard: boolean;
  readonly maxConcurrentDownloads: number;
  /** Convert images of Docker's first format. */
  readonly schema1: boolean;
}

/** A manifest that is to be pulled. */
interface Chosen {
  readonly target: Target;
  readonly manifest: Manifest;
  readonly unpack: boolean;
}

const MOST_DOCUMENTS = 1000;

/** One pull under way, within a lease. */
export class Pull {
  readonly #rooms: TransferRooms & { readonly images: ImageStore };
  readonly #flights: Flights;
  readonly #remote: Remote;
  readonly #scope: Scope;
  readonly #plan: PullPlan;
  readonly #report: Report;
  readonly #family: Family;
  readonly #download: Download;
  #documents = 0;

  constructor(
    rooms: TransferRooms & { readonly images: ImageStore },
    flights: Flights,
    remote: Remote,
    { scope, plan, report }: { scope: Scope; plan: PullPlan; report: Report },
  ) {
    this.#rooms = rooms;
    this.#flights = flights;
    this.#remote = remote;
    this.#scope = scope;
    this.#plan = plan;
    const root = plan.name || plan.reference;
    const family = this.#family = new Family(root);
    // A blob may come for several pulls: each shows it in its own tree.
    this.#report = (update) => {
      const isPiece = update.desc && update.name !== root;
      report(isPiece ? { ...update, parents: family.parentsOf(update.desc!) } : update);
    };
    this.#download = new Download(rooms, flights, remote, scope, this.#report);
  }

  async run(signal: AbortSignal): Promise<Image> {
    const name = this.#plan.name || this.#plan.reference;
    this.#report(progressText("resolving", name));
    const target = await this.#resolve(signal);
    this.#report(progressText("fetching image content", name));
    if (!isIndexType(target.mediaType) && !isManifestType(target.mediaType)) {
      throw failedPrecondition(
        `${target.digest}: the media type ${JSON.stringify(target.mediaType)} is no image's`,
      );
    }
    const wanted = this.#plan.platforms.length ? this.#plan.platforms : [defaultPlatform()];
    const chosen = new Map<string, Chosen>();
    await this.#choose(target, { wanted, depth: DEEPEST, chosen }, signal);
    if (chosen.size === 0) {
      throw notFound(`${target.digest}: no manifest for ${wanted.map(formatPlatform).join(", ")}`);
    }
    for (const one of chosen.values()) await this.#take(one, signal);
    const image = await this.#record(target);
    this.#report({ ...progressOf("saved", target), name: image.name });
    return image;
  }

  async #resolve(signal: AbortSignal): Promise<Target> {
    const target = await this.#remote.resolve(signal);
    if (!isSchema1Type(target.mediaType)) return target;
    if (!this.#plan.schema1) {
      throw failedPrecondition(
        `${target.digest}: is of Docker's image format 1, which is taken only where the daemon's environment has ` +
          `${schema1Switch}=1`,
      );
    }
    const [rooms, scope, remote, download] = [this.#rooms, this.#scope, this.#remote, this.#download];
    return await convertSchema1({ rooms, scope, remote, download }, target, signal);
  }

  /** Fetches documents from `target` down and collects the manifests that are wanted. */
  async #choose(
    target: Target,
    walk: {
      wanted: readonly Platform[];
      depth: number;
      chosen: Map<string, Chosen>;
    },
    signal: AbortSignal,
  ): Promise<void> {
    if (++this.#documents > MOST_DOCUMENTS) throw failedPrecondition(`more than ${MOST_DOCUMENTS} manifests`);
    if (walk.depth < 0) throw failedPrecondition(`${target.digest}: indexes nested deeper than ${DEEPEST}`);
    const document = parseDocument(await this.#download.document(target, signal), target);
    this.#family.adopt(target, childrenOf(document));
    await this.#label(target.digest, childLabels(document));
    if (document.kind === "manifest") {
      const unpack = walk.wanted.length > 0;
      walk.chosen.set(target.digest, { target, manifest: document, unpack });
      return;
    }
    const isImage = ({ mediaType }: Descriptor) => isIndexType(mediaType) || isManifestType(mediaType);
    const images = document.manifests.filter(isImage);
    // What an index has besides images: the parts of a checkpoint, say.
    await this.#blobs(document.manifests.filter((child) => !isImage(child)), signal);
    for (const [child, wanted] of this.#children(images, walk.wanted)) {
      await this.#choose(child, { ...walk, wanted, depth: walk.depth - 1 }, signal);
    }
  }

  /** Which children are taken, and which of the wanted platforms each one is for. */
  #children(images: readonly Descriptor[], wanted: readonly Platform[]): Map<Descriptor, Platform[]> {
    const taken = new Map<Descriptor, Platform[]>();
    for (const platform of wanted) {
      const best = suitable(platform, images)[0];
      if (best) taken.set(best, [...taken.get(best) ?? [], platform]);
    }
    if (this.#plan.allPlatforms) {
      for (const image of images) if (!taken.has(image)) taken.set(image, []);
    }
    return taken;
  }

  async #take({ target, manifest, unpack }: Chosen, signal: AbortSignal): Promise<void> {
    const { snapshotter, allPlatforms, platforms } = this.#plan;
    const bytes = await this.#download.document(manifest.config, signal);
    const isImage = isConfigType(manifest.config.mediaType);
    const config = isImage ? parseConfig(bytes, manifest.config.digest) : undefined;
    const wanted = platforms.length ? platforms : [defaultPlatform()];
    const suits = !config?.platform.architecture || wanted.some((one) => matches(one, config.platform));
    if (!suits && !allPlatforms) {
      const is = formatPlatform(config!.platform);
      throw notFound(`${target.digest}: is for ${is}, not for ${wanted.map(formatPlatform).join(", ")}`);
    }
    if (!unpack || !config || !snapshotter || !suits) return await this.#blobs(manifest.layers, signal);
    const { sync, discard } = this.#plan;
    const plan = { layers: manifest.layers, diffIds: config.diffIds, snapshotter, sync, discard };
    const parts = { scope: this.#scope, report: this.#report, plan };
    const top = await new Unpacking(this.#rooms, this.#flights, this.#download, parts).run(signal);
    if (top) await this.#label(manifest.config.digest, { [snapshotLabel(snapshotter)]: top });
    if (top && discard) {
      await releaseLayers(this.#rooms.content, this.#scope, target.digest, manifest.layers);
    }
  }

  /** Blobs that stay packed, a few at a time. */
  async #blobs(layers: readonly Target[], signal: AbortSignal): Promise<void> {
    const queue = [...layers];
    const abort = new AbortController();
    const both = AbortSignal.any([signal, abort.signal]);
    const lane = async () => {
      try {
        for (let next; (next = queue.shift());) await this.#download.blob(next, both);
      } catch (error) {
        abort.abort(error);
        throw error;
      }
    };
    const lanes = Array.from({ length: this.#plan.maxConcurrentDownloads }, lane);
    for (const result of await Promise.allSettled(lanes)) {
      if (result.status === "rejected") throw abort.signal.reason ?? result.reason;
    }
  }

  #label(digest: string, labels: Record<string, string>): Promise<void> {
    return labelContent(this.#rooms.content, this.#scope, digest, labels);
  }

  async #record(target: Target): Promise<Image> {
    const { mediaType, digest } = target;
    const image: Image = {
      name: this.#plan.name || this.#plan.reference,
      labels: { ...this.#plan.labels },
      target: { mediaType, digest, size: BigInt(target.size), annotations: {} },
      createdAt: undefined,
      updatedAt: undefined,
    };
    return await saveImage(this.#rooms.images, this.#scope, image);
  }
}

/** Creates an image's record, or gives the one of that name a new target and labels. */
export async function saveImage(images: ImageStore, scope: Scope, image: Image): Promise<Image> {
  const labels = Object.keys(image.labels).map((name) => `labels.${name}`);
  for (let attempt = 1;; attempt++) {
    try {
      const exists = images.list(scope, [`name==${JSON.stringify(image.name)}`]).length > 0;
      if (!exists) return await images.create(scope, image);
      return await images.update(scope, image, ["target", ...labels]);
    } catch (error) {
      // Others may make or remove the same name meanwhile.
      const isRace = isError(error, Code.AlreadyExists) || isError(error, Code.NotFound);
      if (!isRace || attempt >= 3) throw error;
    }
  }
}

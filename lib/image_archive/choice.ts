/** Which of an archive's images, and of each image which platforms, are imported. */
import { failedPrecondition, invalidArgument, notFound } from "../errors.ts";
import {
  childrenOf,
  DEEPEST,
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  type Index,
  isConfigType,
  isDistributable,
  isIndexType,
  isManifestType,
  type Manifest,
  matches,
  parseConfig,
  parseDocument,
  type Platform,
  suitable,
} from "../images/mod.ts";

/** Where images are unpacked to, and which. */
export interface UnpackWish {
  /** Undefined for all that are imported. */
  readonly platform?: Platform;
  readonly snapshotter: string;
}

/** What is wanted of an archive. */
export interface ImportWish {
  /** Empty for all that are there. */
  readonly platforms: readonly Platform[];
  readonly unpacks: readonly UnpackWish[];
}

/** What this needs of the content store. */
export interface ChoiceContent {
  /** A blob's length; undefined if it isn't there. */
  size(digest: string): Promise<number | undefined>;
  /** A whole document. Throws NotFound, ResourceExhausted. */
  readAll(digest: string): Promise<Uint8Array>;
}

/** A manifest that is imported, all of it there. */
export interface ChosenManifest {
  readonly target: Descriptor;
  readonly manifest: Manifest;
  /** Undefined for what is no image. */
  readonly config: ImageConfig | undefined;
  /** Snapshotters to unpack it with. */
  readonly snapshotters: ReadonlySet<string>;
}

/** What is imported. */
export interface Choice {
  /** The images, in the archive's order. */
  readonly images: readonly Descriptor[];
  /** Every document that is kept, by its digest. */
  readonly documents: ReadonlyMap<string, Manifest | Index>;
  readonly manifests: readonly ChosenManifest[];
  /** Platforms, or images without one, that are left out. */
  readonly skipped: readonly Descriptor[];
}

const MOST_DOCUMENTS = 1000;

/**
 * Chooses. Throws NotFound for what a wanted image lacks or if nothing is left, InvalidArgument for bad documents,
 * FailedPrecondition for sizes that aren't true.
 */
export async function choose(
  content: ChoiceContent,
  roots: readonly Descriptor[],
  wish: ImportWish,
): Promise<Choice> {
  const choosing = new Choosing(content, wish.platforms.length === 0);
  const images: Descriptor[] = [];
  for (const root of roots) if (await choosing.root(root, wish)) images.push(root);
  if (images.length > 0 || roots.length === 0) return { ...choosing.found(), images };
  const wanted = wish.platforms.map(formatPlatform).join(", ") || "any platform";
  const there = [...choosing.platforms].join(", ");
  throw notFound(
    `archive: no image for ${wanted} in it${
      there && `; it has ${there}: choose with --platform or take --all-platforms`
    }`,
  );
}

/** What is wanted below one descriptor. */
interface Wanted extends ImportWish {
  readonly depth: number;
}

class Choosing {
  /** Platforms seen, as people write them. */
  readonly platforms = new Set<string>();
  readonly #content: ChoiceContent;
  readonly #all: boolean;
  readonly #documents = new Map<string, Manifest | Index>();
  readonly #manifests = new Map<string, ChosenManifest & { snapshotters: Set<string> }>();
  readonly #skipped: Descriptor[] = [];

  constructor(content: ChoiceContent, all: boolean) {
    this.#content = content;
    this.#all = all;
  }

  found(): Omit<Choice, "images"> {
    return { documents: this.#documents, manifests: [...this.#manifests.values()], skipped: this.#skipped };
  }

  /** Whether anything of an image is wanted. */
  async root(root: Descriptor, wish: ImportWish): Promise<boolean> {
    if (!isIndexType(root.mediaType) && !isManifestType(root.mediaType)) return false;
    return await this.#take(root, { ...wish, depth: DEEPEST });
  }

  async #take(target: Descriptor, wanted: Wanted): Promise<boolean> {
    const document = await this.#read(target, wanted.depth);
    const taken = document.kind === "index"
      ? await this.#index(document, target, wanted)
      : await this.#manifest(document, target, wanted);
    if (taken) this.#documents.set(target.digest, document);
    return taken;
  }

  async #index(index: Index, target: Descriptor, { platforms, unpacks, depth }: Wanted): Promise<boolean> {
    const images = index.manifests.filter(({ mediaType }) =>
      isIndexType(mediaType) || isManifestType(mediaType)
    );
    const there: Descriptor[] = [];
    for (const image of images) if (await this.#has(image)) there.push(image);
    const best = (platform: Platform) => suitable(platform, there)[0];
    const chosen = this.#all ? there : [...new Set(platforms.flatMap((one) => best(one) ?? []))];
    for (const image of images) this.#note(image, chosen.includes(image));
    if (chosen.length === 0 && images.length > 0 && there.length === 0) {
      const first = images.find((image) => this.#all || platforms.some((one) => suits(one, image))) ??
        images[0]!;
      throw notFound(
        `archive: index ${target.digest} names ${wordsFor(first)}, which is neither in the archive nor here`,
      );
    }
    let taken = false;
    for (const child of chosen) {
      const own = unpacks.filter(({ platform }) => !platform || best(platform) === child);
      const below = { platforms: platforms.filter((one) => best(one) === child), unpacks: own };
      // Its descriptor was chosen by its platform, so its config need not be asked.
      taken = await this.#take(child, { ...below, depth: depth - 1 }) || taken;
    }
    return taken;
  }

  #note(image: Descriptor, isChosen: boolean): void {
    if (image.platform?.os && image.platform.os !== "unknown") {
      this.platforms.add(formatPlatform(image.platform));
    }
    if (!isChosen) this.#skipped.push(image);
  }

  async #manifest(
    manifest: Manifest,
    target: Descriptor,
    { platforms, unpacks }: Wanted,
  ): Promise<boolean> {
    const config = await this.#config(manifest, target);
    const platform = target.platform?.os ? target.platform : config?.platform;
    if (platform?.os && platform.os !== "unknown") this.platforms.add(formatPlatform(platform));
    const known = platform?.architecture && platform.os ? platform : undefined;
    if (!this.#all && known && !platforms.some((one) => matches(one, known))) {
      this.#skipped.push({ ...target, platform: known });
      return false;
    }
    const unpacked = config?.platform.os !== "unknown" ? unpacks : [];
    const snapshotters = config
      ? unpacked.filter(({ platform }) => !platform || !known || matches(platform, known))
      : [];
    const names = snapshotters.map(({ snapshotter }) => snapshotter);
    await this.#checkParts(manifest, target, names.length > 0);
    const before = this.#manifests.get(target.digest);
    if (before) { for (const name of names) before.snapshotters.add(name); }
    else this.#manifests.set(target.digest, { target, manifest, config, snapshotters: new Set(names) });
    return true;
  }

  async #config({ config }: Manifest, target: Descriptor): Promise<ImageConfig | undefined> {
    if (!isConfigType(config.mediaType)) return undefined;
    await this.#check(config, `manifest ${target.digest}`, "config");
    return parseConfig(await this.#content.readAll(config.digest), config.digest);
  }

  async #checkParts(manifest: Manifest, target: Descriptor, isUnpacked: boolean): Promise<void> {
    for (const [n, part] of childrenOf(manifest).entries()) {
      const mayLack = n > 0 && !isUnpacked && !isDistributable(part.mediaType);
      if (mayLack && !await this.#has(part)) continue;
      await this.#check(part, `manifest ${target.digest}`, n === 0 ? "config" : "layer");
    }
  }

  async #has({ digest }: Descriptor): Promise<boolean> {
    return await this.#content.size(digest) !== undefined;
  }

  async #check({ digest, size }: Descriptor, by: string, what: string): Promise<void> {
    const found = await this.#content.size(digest);
    if (found === undefined) {
      throw notFound(`archive: ${by} names the ${what} ${digest}, which is neither in the archive nor here`);
    }
    if (found !== size) {
      throw failedPrecondition(`archive: ${by} says that ${digest} has ${size} bytes, it has ${found}`);
    }
  }

  async #read(target: Descriptor, depth: number): Promise<Manifest | Index> {
    const known = this.#documents.get(target.digest);
    if (known) return known;
    if (this.#documents.size >= MOST_DOCUMENTS) {
      throw failedPrecondition(`archive: more than ${MOST_DOCUMENTS} manifests`);
    }
    if (depth < 0) throw invalidArgument(`archive: ${target.digest}: indexes nested deeper than ${DEEPEST}`);
    await this.#check(target, "its index", isIndexType(target.mediaType) ? "index" : "manifest");
    return parseDocument(await this.#content.readAll(target.digest), target);
  }
}

const suits = (wanted: Platform, { platform }: Descriptor) => !platform || matches(wanted, platform);

const wordsFor = ({ digest, platform }: Descriptor) =>
  platform?.os ? `the image for ${formatPlatform(platform)}, ${digest}` : digest;

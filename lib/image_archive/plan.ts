/** Which content goes into an archive: images as they are here, whole for the platforms that are chosen. */
import { Code, isError, notFound } from "../errors.ts";
import {
  childrenOf,
  DEEPEST,
  defaultPlatform,
  type Descriptor,
  formatPlatform,
  isConfigType,
  isDistributable,
  isIndexType,
  isManifestType,
  type Manifest,
  parseConfig,
  parseDocument,
  type Platform,
  suitable,
} from "../images/mod.ts";

/** An image by the name that it has in the archive. */
export interface NamedImage {
  readonly name: string;
  readonly target: Descriptor;
}

/** What goes into an archive. */
export interface ExportWish {
  /** Empty for this machine's or, if that isn't here, for those that are. */
  readonly platforms: readonly Platform[];
  /** Nothing may be left out. */
  readonly allPlatforms: boolean;
  /** Leave out layers that their maker doesn't let others hand on. */
  readonly skipNonDistributable: boolean;
}

/** What this needs of the content store. */
export interface ExportContent {
  has(digest: string): Promise<boolean>;
  /** A whole document. Throws NotFound. */
  readAll(digest: string): Promise<Uint8Array>;
}

/** An image for one platform that goes into the archive. */
export interface ExportedManifest {
  readonly target: Descriptor;
  readonly manifest: Manifest;
}

/** One image as it is exported. */
export interface ExportPlan extends NamedImage {
  /** Its indexes, manifests and configs, each before what it refers to. */
  readonly documents: readonly Descriptor[];
  readonly layers: readonly Descriptor[];
  /** What docker would take: the best for this machine. */
  readonly main: ExportedManifest;
  /** Platforms that aren't here. */
  readonly skipped: readonly string[];
}

/** A manifest within an image, with what is missing of it. */
interface Leaf {
  readonly target: Descriptor;
  readonly platform?: Platform;
  /** Indexes above it, the highest first. */
  readonly above: readonly Descriptor[];
  /** Undefined if it isn't here. */
  readonly manifest?: Manifest;
  /** As people call it. */
  readonly missing: readonly string[];
}

const MOST_DOCUMENTS = 1000;

/** Plans one image. Throws NotFound, with the platform and the command that fetches it; InvalidArgument for bad documents. */
export async function planExport(
  content: ExportContent,
  image: NamedImage,
  wish: ExportWish,
): Promise<ExportPlan> {
  const leaves = await new Leaves(content, wish).below(image.target, []);
  const chosen = chooseLeaves(leaves, image.name, wish);
  const documents = new Map<string, Descriptor>();
  const layers = new Map<string, Descriptor>();
  for (const { above, target, manifest } of chosen) {
    for (const one of [...above, target, manifest!.config]) documents.set(one.digest, one);
    for (const layer of manifest!.layers) {
      const isLeftOut = wish.skipNonDistributable && !isDistributable(layer.mediaType);
      if (!isLeftOut) layers.set(layer.digest, layer);
    }
  }
  const main = suitable(defaultPlatform(), chosen)[0] ?? chosen[0]!;
  const left = leaves.filter((leaf) => !chosen.includes(leaf) && leaf.missing.length > 0);
  return {
    ...image,
    documents: [...documents.values()],
    layers: [...layers.values()].filter(({ digest }) => !documents.has(digest)),
    main: { target: main.target, manifest: main.manifest! },
    skipped: left.map(nameOf),
  };
}

function chooseLeaves(leaves: readonly Leaf[], name: string, wish: ExportWish): readonly Leaf[] {
  const whole = leaves.filter(({ missing }) => missing.length === 0);
  if (leaves.length === 0) throw notFound(`${name}: an index without images`);
  if (wish.allPlatforms) {
    if (whole.length < leaves.length) throw incomplete(leaves, name, "--all-platforms");
    return leaves;
  }
  if (wish.platforms.length > 0) {
    return [...new Set(wish.platforms.map((platform) => leafFor(leaves, name, platform)))];
  }
  const here = defaultPlatform();
  const best = suitable(here, whole).find(({ platform }) => platform) ?? suitable(here, whole)[0];
  if (best) return [best];
  const others = whole.filter(({ platform }) => platform?.os && platform.os !== "unknown");
  if (others.length > 0) return others;
  const wanted = suitable(here, leaves)[0] ?? leaves[0]!;
  throw incomplete([wanted], name, wanted.platform?.os ? `--platform ${nameOf(wanted)}` : "");
}

function leafFor(leaves: readonly Leaf[], name: string, platform: Platform): Leaf {
  const suiting = suitable(platform, leaves);
  const leaf = suiting.find(({ missing }) => missing.length === 0) ?? suiting[0];
  if (!leaf) throw notFound(`${name}: no image for ${formatPlatform(platform)} in it`);
  if (leaf.missing.length > 0) {
    throw incomplete([{ ...leaf, platform }], name, `--platform ${formatPlatform(platform)}`);
  }
  return leaf;
}

function incomplete(leaves: readonly Leaf[], name: string, flag: string): Error {
  const lacking = leaves.filter(({ missing }) => missing.length > 0);
  const more = lacking.length > 1 ? `, nor all of ${lacking.slice(1).map(nameOf).join(", ")}` : "";
  const command = ["ctr images pull", flag, name].filter((part) => part).join(" ");
  const what = lacking[0]!.missing[0]!;
  const foreign = what.startsWith(FOREIGN) ? "; --skip-non-distributable leaves such layers out" : "";
  return notFound(
    `${name}: ${nameOf(lacking[0]!)} is not all here (${what})${more}; fetch it with: ${command}${foreign}`,
  );
}

const FOREIGN = "non-distributable layer";

const nameOf = ({ platform, target }: Leaf) =>
  platform?.os && platform.os !== "unknown" ? formatPlatform(platform) : target.digest;

/** Finds the manifests of an image. */
class Leaves {
  readonly #content: ExportContent;
  readonly #wish: ExportWish;
  #documents = 0;

  constructor(content: ExportContent, wish: ExportWish) {
    this.#content = content;
    this.#wish = wish;
  }

  async below(target: Descriptor, above: readonly Descriptor[]): Promise<Leaf[]> {
    if (++this.#documents > MOST_DOCUMENTS) throw notFound(`more than ${MOST_DOCUMENTS} manifests`);
    if (above.length > DEEPEST) throw notFound(`${target.digest}: indexes nested deeper than ${DEEPEST}`);
    const bytes = await this.#read(target.digest);
    if (!bytes) {
      const kind = isIndexType(target.mediaType) ? "index" : "manifest";
      return [{ target, platform: target.platform, above, missing: [`${kind} ${target.digest}`] }];
    }
    const document = parseDocument(bytes, target);
    if (document.kind === "manifest") return [await this.#leaf(target, document, above)];
    const leaves: Leaf[] = [];
    for (const child of document.manifests) {
      const isImage = isIndexType(child.mediaType) || isManifestType(child.mediaType);
      if (isImage) leaves.push(...await this.below(child, [...above, target]));
    }
    return leaves;
  }

  async #leaf(target: Descriptor, manifest: Manifest, above: readonly Descriptor[]): Promise<Leaf> {
    const missing: string[] = [];
    for (const [n, { digest, mediaType }] of childrenOf(manifest).entries()) {
      if (await this.#content.has(digest)) continue;
      if (n === 0) missing.push(`config ${digest}`);
      else if (isDistributable(mediaType)) missing.push(`layer ${digest}`);
      else if (!this.#wish.skipNonDistributable) missing.push(`${FOREIGN} ${digest}`);
    }
    const platform = target.platform ?? await this.#platform(manifest);
    return { target, platform, above, manifest, missing };
  }

  async #platform({ config }: Manifest): Promise<Platform | undefined> {
    if (!isConfigType(config.mediaType)) return undefined;
    const bytes = await this.#read(config.digest);
    const platform = bytes && parseConfig(bytes, config.digest).platform;
    return platform?.os ? platform : undefined;
  }

  async #read(digest: string): Promise<Uint8Array | undefined> {
    if (!await this.#content.has(digest)) return undefined;
    try {
      return await this.#content.readAll(digest);
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  }
}

/** An image as it can be pushed: its documents, with what is missing of each. */
import {
  childrenOf,
  DEEPEST,
  type Descriptor,
  formatPlatform,
  type Index,
  isConfigType,
  isDistributable,
  isIndexType,
  isManifestType,
  type Manifest,
  parseConfig,
  parseDocument,
  type Platform,
  sourceLabelName,
} from "../images/mod.ts";
import { Code, failedPrecondition, isError } from "../errors.ts";
import { LARGEST_MANIFEST, type Pusher } from "../remotes/mod.ts";

/** Where an image's bytes come from. */
export interface PushContent {
  /** A blob's labels; undefined if it isn't here. */
  labels(digest: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** A whole document. Throws NotFound. */
  readAll(digest: string, limit: number): Promise<Uint8Array>;
  /** `size` bytes of a blob from `offset` on. */
  read(digest: string, offset: number, size: number): AsyncIterable<Uint8Array>;
  /** The file of a blob that is here, if there is one. */
  path?(digest: string): string;
  /** Told of each blob and document that the registry has now. */
  pushed?(digest: string): Promise<void>;
}

/** What is asked of a registry before anything is sent. */
export type Registry = Pick<Pusher, "reference" | "hasManifest" | "hasBlob" | "mountBlob">;

/** A manifest or an index. */
export interface Node {
  readonly target: Descriptor;
  /** Undefined if it isn't here. */
  readonly bytes?: Uint8Array;
  readonly document?: Manifest | Index;
  readonly platform?: Platform;
  /** The images of an index. */
  readonly children: readonly Node[];
  /** What has to be in the registry before it. */
  readonly blobs: readonly Descriptor[];
  /** What can't be pushed of it, as people call it; empty for one that can. */
  readonly missing: readonly string[];
}

const MOST_DOCUMENTS = 1000;

/** Reads an image's documents. What isn't here but in the registry already is as good. */
export class Trees {
  readonly #content: PushContent;
  readonly #pusher: Registry;
  readonly #foreign: boolean;
  readonly #signal: AbortSignal | undefined;
  #documents = 0;

  constructor(
    content: PushContent,
    pusher: Registry,
    { foreign, signal }: { foreign: boolean; signal?: AbortSignal },
  ) {
    this.#content = content;
    this.#pusher = pusher;
    this.#foreign = foreign;
    this.#signal = signal;
  }

  /** The tree below a descriptor. Throws InvalidArgument for bad documents. */
  async read(target: Descriptor, depth = DEEPEST): Promise<Node> {
    if (++this.#documents > MOST_DOCUMENTS) throw failedPrecondition(`more than ${MOST_DOCUMENTS} manifests`);
    if (depth < 0) throw failedPrecondition(`${target.digest}: indexes nested deeper than ${DEEPEST}`);
    const bytes = await this.#bytesOf(target);
    const { platform } = target;
    if (!bytes) {
      const there = await this.#pusher.hasManifest(target, target.digest, this.#signal);
      const kind = isIndexType(target.mediaType) ? "index" : "manifest";
      return {
        target,
        platform,
        children: [],
        blobs: [],
        missing: there ? [] : [`${kind} ${target.digest}`],
      };
    }
    const document = parseDocument(bytes, target);
    return document.kind === "index"
      ? await this.#indexNode(target, bytes, document, depth)
      : await this.#manifestNode(target, bytes, document);
  }

  async #indexNode(target: Descriptor, bytes: Uint8Array, document: Index, depth: number): Promise<Node> {
    const children: Node[] = [];
    const blobs: Descriptor[] = [];
    for (const child of document.manifests) {
      const isImage = isIndexType(child.mediaType) || isManifestType(child.mediaType);
      if (isImage) children.push(await this.read(child, depth - 1));
      else blobs.push(child);
    }
    const missing = await this.#missingOf(blobs, target.digest);
    return { target, bytes, document, platform: target.platform, children, blobs, missing };
  }

  async #manifestNode(target: Descriptor, bytes: Uint8Array, document: Manifest): Promise<Node> {
    const blobs = childrenOf(document).filter(({ mediaType }) => this.#foreign || !isForeign(mediaType));
    const missing = await this.#missingOf(blobs, target.digest);
    const platform = target.platform ?? await this.#platformOf(document);
    return { target, bytes, document, platform, children: [], blobs, missing };
  }

  async #missingOf(blobs: readonly Descriptor[], parent: string): Promise<string[]> {
    const missing: string[] = [];
    for (const blob of blobs) {
      if (await this.#content.labels(blob.digest)) continue;
      if (await this.#pusher.hasBlob(blob, this.#signal)) continue;
      if (await this.#mount(blob, parent)) continue;
      missing.push(`${isConfigType(blob.mediaType) ? "config" : "layer"} ${blob.digest}`);
    }
    return missing;
  }

  /** A layer that was thrown away after unpacking may still be where its manifest came from. */
  async #mount(blob: Descriptor, parent: string): Promise<boolean> {
    for (const repository of sourcesOf(this.#pusher, await this.#content.labels(parent))) {
      if (await this.#pusher.mountBlob(blob, repository, this.#signal)) return true;
    }
    return false;
  }

  async #platformOf({ config }: Manifest): Promise<Platform | undefined> {
    if (!isConfigType(config.mediaType)) return undefined;
    const bytes = await this.#bytesOf(config);
    const platform = bytes && parseConfig(bytes, config.digest).platform;
    return platform?.os ? platform : undefined;
  }

  async #bytesOf({ digest }: Descriptor): Promise<Uint8Array | undefined> {
    if (!await this.#content.labels(digest)) return undefined;
    try {
      return await this.#content.readAll(digest, LARGEST_MANIFEST);
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  }
}

/** The repositories of the pusher's host that a blob is known to be in, the most like the pusher's own first. */
export function sourcesOf(
  { reference }: Pick<Registry, "reference">,
  labels: Readonly<Record<string, string>> | undefined,
): string[] {
  const known = labels?.[sourceLabelName(reference)] ?? "";
  const likeness = (repository: string) =>
    commonLength(repository.split("/"), reference.repository.split("/"));
  return known.split(",")
    .filter((repository) => repository && repository !== reference.repository)
    .sort((a, b) => likeness(b) - likeness(a))
    .slice(0, 2);
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  const differ = a.findIndex((part, n) => part !== b[n]);
  return differ < 0 ? a.length : differ;
}

/** Layers that their maker doesn't let registries hold. */
export const isForeign = (mediaType: string) => !isDistributable(mediaType);

/** What people call a platform; images that run nowhere are those that tell of others. */
export const nameOf = ({ platform, target }: Pick<Node, "platform" | "target">) =>
  platform?.os ? formatPlatform(platform) : target.digest;

/** Another image out of one: other compression, other media types, fewer platforms, the same files. */
import { type Image, ImagesDefinition } from "../api/services/images/v1/images.ts";
import { Code, failedPrecondition, isError, notFound } from "../errors.ts";
import {
  type Descriptor,
  formatPlatform,
  type Index,
  isIndexType,
  isLayerType,
  isManifestType,
  type Manifest,
  parseConfig,
  parseDocument,
  parsePlatform,
  type Platform,
  suitable,
} from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import { convertLayer } from "./convert_layer.ts";
import { type Json, storeJson } from "./documents.ts";
import { createLease } from "./lease.ts";
import { compressionOf, dockerType, type LayerCompression, ociType, withCompression } from "./media_types.ts";
import type { Services } from "./services.ts";

/** What a converted image is like. What isn't said stays as it is. */
export interface ConvertOptions extends CallOptions {
  readonly compression?: LayerCompression;
  /** By whose media types it is described. */
  readonly format?: "oci" | "docker";
  /** `os/arch/variant` of the images that are kept; all unless said. */
  readonly platforms?: readonly string[];
}

/** Indexes within indexes, at most. */
const deepest = 8;
const largest = 8 << 20;

/** Converts `source` into the image `name`, which is made, or made another. Gives its record. */
export async function convertImage(
  services: Services,
  source: Image,
  name: string,
  { compression, format, platforms, ...options }: ConvertOptions = {},
): Promise<Image> {
  await using lease = await createLease(services, options);
  const call = { ...options, lease: lease.id };
  const wanted = platforms?.map(parsePlatform);
  const conversion = new Conversion(new ContentClient(services), { compression, format }, wanted, call);
  const { mediaType, digest, size, annotations } = source.target!;
  const target = await conversion.document({ mediaType, digest, size: Number(size), annotations }, deepest);
  const image = { ...source, name, target: { ...target, size: BigInt(target.size), annotations } };
  const images = services.stub(ImagesDefinition);
  try {
    return (await images.create({ image }, call)).image!;
  } catch (error) {
    if (!isError(error, Code.AlreadyExists)) throw error;
    return (await images.update({ image }, call)).image!;
  }
}

type Part = Pick<Descriptor, "mediaType" | "digest" | "size" | "annotations">;

class Conversion {
  readonly #content: ContentClient;
  readonly #to: Pick<ConvertOptions, "compression" | "format">;
  readonly #platforms: readonly Platform[] | undefined;
  readonly #call: CallOptions;

  constructor(
    content: ContentClient,
    to: Pick<ConvertOptions, "compression" | "format">,
    platforms: readonly Platform[] | undefined,
    call: CallOptions,
  ) {
    this.#content = content;
    this.#to = to;
    this.#platforms = platforms;
    this.#call = call;
  }

  /** Converts an index or a manifest with all below it. The same if there is nothing to do. */
  async document(target: Part, depth: number): Promise<Part> {
    const bytes = await this.#content.readAll(undefined, target.digest, largest);
    const document = parseDocument(bytes, target);
    const json: Json = JSON.parse(new TextDecoder().decode(bytes));
    const changed = document.kind === "index"
      ? await this.#index(document, json, depth)
      : await this.#manifest(document, json);
    const mediaType = this.#type(target.mediaType);
    if (!changed && mediaType === target.mediaType) return target;
    const stored = await this.#store({ ...json, mediaType }, mediaType, target.digest);
    return { ...target, ...stored };
  }

  async #index({ manifests }: Index, json: Json, depth: number): Promise<boolean> {
    const kept = this.#choose(manifests);
    const children: Json[] = [];
    let changed = kept.length !== manifests.length;
    for (const child of kept) {
      const old: Json = json.manifests[manifests.indexOf(child)];
      const isImage = isManifestType(child.mediaType) || (isIndexType(child.mediaType) && depth > 0);
      const made = isImage ? await this.document(child, depth - 1) : child;
      changed ||= made.digest !== child.digest;
      children.push({ ...old, mediaType: made.mediaType, digest: made.digest, size: made.size });
    }
    json.manifests = children;
    return changed;
  }

  /** The images for the platforms, the very same or, where there is none, the best that runs there. */
  #choose(manifests: readonly Descriptor[]): readonly Descriptor[] {
    if (!this.#platforms) return manifests;
    const described = manifests.filter(({ platform }) => platform);
    const chosen = new Set(this.#platforms.flatMap((platform) => suitable(platform, described).slice(0, 1)));
    const kept = manifests.filter((one) => !one.platform || chosen.has(one));
    if (chosen.size === 0) {
      throw notFound(
        `convert: no manifest for ${this.#platforms.map(formatPlatform).join(" or ")} in the image`,
      );
    }
    return kept;
  }

  async #manifest({ config, layers }: Manifest, json: Json): Promise<boolean> {
    const diffIds =
      parseConfig(await this.#content.readAll(undefined, config.digest, largest), config.digest).diffIds;
    let changed = false;
    for (const [n, layer] of layers.entries()) {
      const made = await this.#layer(layer, diffIds[n]);
      changed ||= made.digest !== layer.digest || made.mediaType !== layer.mediaType;
      json.layers[n] = described(json.layers[n], made, this.#to.format);
    }
    const mediaType = this.#type(config.mediaType);
    json.config = described(json.config, { ...config, mediaType }, this.#to.format);
    // Docker's manifests have no place for them.
    if (this.#to.format === "docker") delete json.annotations;
    return changed || mediaType !== config.mediaType;
  }

  async #layer(layer: Descriptor, diffId: string | undefined): Promise<Part> {
    const { compression } = this.#to;
    // What isn't a file tree, or mustn't be handed on, stays what it is.
    const fixed = !isLayerType(layer.mediaType) || layer.urls !== undefined;
    const there = compressionOf(layer.mediaType);
    if (fixed || !compression || compression === there) {
      return { ...layer, mediaType: this.#type(layer.mediaType) };
    }
    const made = await convertLayer(this.#content, layer, compression, this.#call);
    if (made.diffId !== diffId) {
      throw failedPrecondition(`layer ${layer.digest}: unpacks to ${made.diffId}, the config says ${diffId}`);
    }
    const mediaType = this.#type(withCompression(layer.mediaType, compression));
    return { ...layer, mediaType, digest: made.digest, size: made.size };
  }

  #type(mediaType: string): string {
    if (this.#to.format === "oci") return ociType(mediaType);
    return this.#to.format === "docker" ? dockerType(mediaType) : mediaType;
  }

  async #store(json: Json, mediaType: string, from: string) {
    const { labels } = await this.#content.info(from, this.#call);
    const kept = Object.entries(labels).filter(([key]) =>
      !key.startsWith("containerd.io/gc.ref.content") && !key.startsWith("containerd.io/distribution.source")
    );
    return await storeJson(this.#content, json, mediaType, Object.fromEntries(kept), this.#call);
  }
}

function described(old: Json, { mediaType, digest, size }: Part, format: ConvertOptions["format"]): Json {
  const made: Json = { ...old, mediaType, digest, size };
  if (format === "docker") delete made.annotations;
  return made;
}

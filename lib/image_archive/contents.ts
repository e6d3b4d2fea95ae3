/**
 * Which images an archive holds: by the index.json of an OCI layout, or by the manifest.json of `docker save`, for
 * which manifests are made as containerd makes them. Where both are, the layout counts.
 */
import { CtrError, failedPrecondition, invalidArgument, messageOf, notFound } from "../errors.ts";
import {
  type Descriptor,
  isIndexType,
  MediaType,
  MOST_LAYERS,
  parseConfig,
  parseDocument,
  type Platform,
} from "../images/mod.ts";
import { cleanName, detectCompression, fromString } from "../archive/mod.ts";
import { normalizeReference } from "../remotes/mod.ts";
import { documentNames, nameAnnotation, objectOf, tagAnnotation } from "./names.ts";
import type { ArchiveContents, StoredFile } from "./reader.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What this needs of the content store. */
export interface ArchiveStore {
  /** The first bytes of a blob. */
  head(digest: string): Promise<Uint8Array>;
  /** A whole document, of a limited size. */
  readAll(digest: string): Promise<Uint8Array>;
  /** Compresses a layer with gzip; absent if layers stay as they are. */
  compress?(layer: StoredFile): Promise<StoredFile>;
  /** Stores a document; gives its digest. */
  store(bytes: Bytes): Promise<string>;
}

/** The images of an archive, and the index of them. */
export interface ArchiveImages {
  readonly index: Bytes;
  readonly images: readonly Descriptor[];
}

const LAYOUT_VERSION = "1.0.0";
const MOST_IMAGES = 1000;

/** Finds the images. Throws InvalidArgument for what is no archive of images. */
export async function imagesOf(contents: ArchiveContents, store: ArchiveStore): Promise<ArchiveImages> {
  const { documents } = contents;
  const layout = documents.get(documentNames.layout);
  if (layout) return layoutImages(layout, documents.get(documentNames.index));
  const docker = documents.get(documentNames.docker);
  if (docker) return await dockerImages(readDockerManifest(docker), contents, store);
  throw invalidArgument(
    "not an image archive: it has neither an oci-layout file nor docker's manifest.json",
  );
}

function layoutImages(layout: Bytes, index: Bytes | undefined): ArchiveImages {
  const { imageLayoutVersion: version } = parse(layout, documentNames.layout) as Record<string, unknown>;
  if (version !== LAYOUT_VERSION) {
    throw invalidArgument(`archive: OCI layout version ${JSON.stringify(version)}, not ${LAYOUT_VERSION}`);
  }
  if (!index) throw invalidArgument("archive: an OCI layout without index.json");
  const { mediaType } = parse(index, documentNames.index) as { mediaType?: unknown };
  const type = typeof mediaType === "string" && isIndexType(mediaType) ? mediaType : MediaType.ociIndex;
  const document = parseDocument(index, { digest: documentNames.index, mediaType: type });
  return { index, images: document.kind === "index" ? document.manifests : [] };
}

/** An image as `docker save` describes it: paths within the archive. */
interface DockerImage {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

function readDockerManifest(bytes: Bytes): DockerImage[] {
  const wrong = (why: string) => invalidArgument(`archive: manifest.json: ${why}`);
  const list = parse(bytes, documentNames.docker);
  if (!Array.isArray(list)) throw wrong("not a list");
  if (list.length > MOST_IMAGES) throw wrong(`${list.length} images, the limit is ${MOST_IMAGES}`);
  const texts = (value: unknown, what: string): string[] => {
    if (value == null) return [];
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
    throw wrong(`${what} is not a list of names`);
  };
  return list.map((item, n) => {
    const { Config, RepoTags, Layers } = item ?? {};
    if (typeof Config !== "string") throw wrong(`image ${n} has no Config`);
    const layers = texts(Layers, "Layers");
    if (layers.length > MOST_LAYERS) throw wrong(`${layers.length} layers, the limit is ${MOST_LAYERS}`);
    return { config: Config, tags: texts(RepoTags, "RepoTags"), layers };
  });
}

async function dockerImages(
  list: readonly DockerImage[],
  contents: ArchiveContents,
  store: ArchiveStore,
): Promise<ArchiveImages> {
  const entries: Descriptor[] = [];
  for (const image of list) {
    const target = await dockerManifest(image, contents, store);
    if (image.tags.length === 0) entries.push(target);
    for (const tag of image.tags) entries.push({ ...target, annotations: namesOf(tag) });
  }
  return { index: encode({ schemaVersion: 2, manifests: entries.map(indexEntry) }), images: entries };
}

/** Makes the manifest: the members in the order in which Go writes them, so that its digest is the same. */
async function dockerManifest(
  { config, layers }: DockerImage,
  contents: ArchiveContents,
  store: ArchiveStore,
): Promise<Descriptor> {
  const file = find(contents, config, "config");
  const found = layers.map((path) => find(contents, path, "layer"));
  const parts = await Promise.all(found.map((layer) => describe(layer, store)));
  const bytes = encode({
    schemaVersion: 2,
    mediaType: MediaType.dockerManifest,
    config: described(MediaType.dockerConfig, file),
    layers: parts,
  });
  const { platform, diffIds } = parseConfig(await store.readAll(file.digest), file.digest);
  if (diffIds.length !== layers.length) {
    throw failedPrecondition(
      `archive: manifest.json names ${layers.length} layers of ${config}, the config has ${diffIds.length}`,
    );
  }
  const digest = await store.store(bytes);
  return {
    mediaType: MediaType.dockerManifest,
    digest,
    size: bytes.length,
    annotations: {},
    ...platform.os && { platform },
  };
}

function find({ files, links }: ArchiveContents, name: string, what: string): StoredFile {
  let path = cleanName(fromString(name), `archive: ${what}`);
  for (let hops = 0; links.has(path) && !files.has(path); hops++) {
    if (hops === 16) throw invalidArgument(`archive: ${what} "${name}" is a link that leads nowhere`);
    path = links.get(path)!;
  }
  const file = files.get(path);
  if (file) return file;
  throw notFound(`archive: manifest.json names the ${what} ${JSON.stringify(name)}, which is not in it`);
}

async function describe(layer: StoredFile, store: ArchiveStore) {
  const base = "application/vnd.docker.image.rootfs.diff.tar";
  const compression = detectCompression(await store.head(layer.digest));
  if (compression !== "none") return described(`${base}.${compression}`, layer);
  if (store.compress) return described(`${base}.gzip`, await store.compress(layer));
  return described(base, layer);
}

const described = (mediaType: string, { digest, size }: StoredFile) => ({ mediaType, digest, size });

function namesOf(tag: string): Record<string, string> {
  const name = normalizeReference(tag);
  return { [nameAnnotation]: name, [tagAnnotation]: objectOf(name) };
}

function indexEntry({ mediaType, digest, size, annotations, platform }: Descriptor) {
  const named = Object.keys(annotations).length > 0;
  return {
    mediaType,
    digest,
    size,
    ...named && { annotations },
    ...platform && { platform: words(platform) },
  };
}

function words({ architecture, os, osVersion, variant }: Platform) {
  return { architecture, os, ...osVersion && { "os.version": osVersion }, ...variant && { variant } };
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function parse(bytes: Bytes, name: string): unknown {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (error instanceof CtrError) throw error;
    throw invalidArgument(`archive: ${name} is not JSON: ${messageOf(error).slice(0, 200)}`);
  }
  throw invalidArgument(`archive: ${name} is not a JSON object`);
}

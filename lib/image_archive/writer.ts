/**
 * An image archive on its way out: an OCI layout that docker can load, too. The same images give the same bytes.
 * What says what is in it comes first, so that whoever reads it from the beginning knows what to do with the rest.
 */
import { createHash } from "node:crypto";
import { encodeEntry, endOfArchive, fromString, paddingAfter } from "../archive/mod.ts";
import { Code, CtrError } from "../errors.ts";
import { type Descriptor, isConfigType, MediaType } from "../images/mod.ts";
import { normalizeReference, parseReference } from "../remotes/mod.ts";
import { documentNames, nameAnnotation, objectOf, tagAnnotation } from "./names.ts";
import type { ExportPlan } from "./plan.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What goes into the archive, in its order. */
export type ArchiveFile =
  | { readonly path: string; readonly bytes: Bytes }
  | { readonly path: string; readonly directory: true }
  | { readonly path: string; readonly blob: Descriptor };

/** The files of an archive of some images; `docker` adds the manifest.json that docker load reads. */
export function archiveFiles(plans: readonly ExportPlan[], { docker }: { docker: boolean }): ArchiveFile[] {
  const documents = new Map(plans.flatMap((plan) => plan.documents.map((one) => [one.digest, one])));
  const layers = new Map(plans.flatMap((plan) => plan.layers.map((one) => [one.digest, one])));
  const blobs = [
    ...documents.values(),
    ...[...layers.values()].filter(({ digest }) => !documents.has(digest)),
  ];
  const algorithms = new Set(blobs.map(({ digest }) => digest.split(":")[0]!));
  return [
    { path: documentNames.layout, bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { path: documentNames.index, bytes: json(indexOf(plans)) },
    ...docker ? [{ path: documentNames.docker, bytes: json(dockerManifests(plans)) }] : [],
    { path: "blobs/", directory: true },
    ...[...algorithms].sort().map((name) => ({ path: `blobs/${name}/`, directory: true as const })),
    ...blobs.map((blob) => ({ path: pathOf(blob.digest), blob })),
  ];
}

/** The archive's bytes. `read` gives a blob's; DataLoss if they aren't those of its digest. */
export async function* archiveBytes(
  files: readonly ArchiveFile[],
  read: (blob: Descriptor) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    if ("directory" in file) yield header(file.path, "directory", 0, 0o755);
    else if ("bytes" in file) yield* padded(file.path, [file.bytes], file.bytes.length, 0o644);
    else yield* padded(file.path, verified(file.blob, read(file.blob)), file.blob.size, 0o444);
  }
  yield endOfArchive();
}

async function* padded(
  path: string,
  body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  size: number,
  mode: number,
): AsyncGenerator<Uint8Array> {
  yield header(path, "file", size, mode);
  yield* body;
  const padding = paddingAfter(size);
  if (padding > 0) yield new Uint8Array(padding);
}

function header(path: string, type: "file" | "directory", size: number, mode: number): Bytes {
  const never = { seconds: 0, nanos: 0 };
  const none = { linkName: "", uid: 0, gid: 0, mtime: never, device: { major: 0, minor: 0 } };
  return encodeEntry({ ...none, type, name: fromString(path), size, mode });
}

async function* verified(
  { digest, size }: Descriptor,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(digest.split(":")[0]!);
  let length = 0;
  for await (const bytes of source) {
    hash.update(bytes);
    length += bytes.length;
    if (length > size) break;
    yield bytes;
  }
  const found = `${digest.split(":")[0]}:${hash.digest("hex")}`;
  if (length === size && found === digest) return;
  const why = length === size ? `the digest ${found}` : `${length} bytes or more, not ${size}`;
  throw new CtrError(Code.DataLoss, `content ${digest} is damaged: it has ${why}`);
}

const pathOf = (digest: string) => `blobs/${digest.replace(":", "/")}`;

function indexOf(plans: readonly ExportPlan[]) {
  const manifests = plans.map(({ name, target: { mediaType, digest, size, annotations } }) => {
    const names = { [nameAnnotation]: name, [tagAnnotation]: objectOf(name) };
    const sorted = Object.entries({ ...annotations, ...names }).sort(([a], [b]) => a < b ? -1 : 1);
    return { mediaType, digest, size, annotations: Object.fromEntries(sorted) };
  });
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
}

function dockerManifests(plans: readonly ExportPlan[]) {
  const images = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const { name, main: { target, manifest } } of plans) {
    if (!isConfigType(manifest.config.mediaType)) continue;
    const image = images.get(target.digest) ?? {
      Config: pathOf(manifest.config.digest),
      RepoTags: [],
      Layers: manifest.layers.map(({ digest }) => pathOf(digest)),
    };
    image.RepoTags.push(...familiar(name));
    images.set(target.digest, image);
  }
  return [...images.values()];
}

/** A name as docker writes it; none for what docker can't have as a tag. */
function familiar(name: string): string[] {
  try {
    const { host, repository, tag } = parseReference(normalizeReference(name));
    if (!tag) return [];
    const short = host === "docker.io" ? repository.replace(/^library\//, "") : `${host}/${repository}`;
    return [`${short}:${tag}`];
  } catch {
    return [];
  }
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

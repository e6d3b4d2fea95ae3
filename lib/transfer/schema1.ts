/** Pulling images of Docker's first format: they are stored as what they would be in its second. */
import { createHash } from "node:crypto";
import {
  childLabels,
  configOfSchema1,
  manifestOfSchema1,
  MediaType,
  parseDocument,
  parseSchema1,
  uncompressedLabel,
} from "../images/mod.ts";
import type { Remote, Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import type { Download, TransferRooms } from "./download.ts";

/** The daemon's environment variable, containerd's own, that lets them in: the format is deprecated. */
export const schema1Switch = "CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE";

const layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const gzip = [0x1f, 0x8b];

/** Fetches such an image's layers and writes the documents that it lacks; gives the new manifest's target. */
export async function convertSchema1(
  { rooms, scope, remote, download }: {
    rooms: TransferRooms;
    scope: Scope;
    remote: Remote;
    download: Download;
  },
  target: Target,
  signal: AbortSignal,
): Promise<Target> {
  const { content } = rooms;
  const old = parseSchema1(await remote.fetchUnverified(target, signal), target.digest);
  const layers: { digest: string; size: number }[] = [];
  const diffIds: string[] = [];
  for (const digest of old.layers) {
    const size = await remote.sizeOf(digest, signal);
    await download.blob({ digest, size, mediaType: layerType }, signal);
    layers.push({ digest, size });
    const diffId = content.info(scope, digest).labels[uncompressedLabel] ??
      await diffIdOf(rooms, scope, digest);
    await content.update(scope, { digest, labels: { [uncompressedLabel]: diffId } }, [
      `labels.${uncompressedLabel}`,
    ]);
    diffIds.push(diffId);
  }
  const config = await store(rooms, scope, configOfSchema1(old, diffIds), {});
  const manifest = manifestOfSchema1(config, layers);
  const mediaType = MediaType.dockerManifest;
  const document = parseDocument(manifest, { digest: target.digest, mediaType });
  return { mediaType, ...await store(rooms, scope, manifest, childLabels(document)) };
}

async function diffIdOf({ content }: TransferRooms, scope: Scope, digest: string): Promise<string> {
  const blob = ReadableStream.from(content.read(scope, digest));
  const first = await content.read(scope, digest, { size: 2 }).next();
  const packed = gzip.every((byte, n) => first.value?.[n] === byte);
  const hash = createHash("sha256");
  const tar = packed ? blob.pipeThrough(new DecompressionStream("gzip") as TransformStream) : blob;
  for await (const chunk of tar) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

async function store(
  { content }: TransferRooms,
  scope: Scope,
  bytes: Uint8Array<ArrayBuffer>,
  labels: Record<string, string>,
): Promise<{ digest: string; size: number }> {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const size = bytes.length;
  if (content.has(scope, digest)) return { digest, size };
  await using writer = await content.writer(scope, `schema1-${digest}`, { expected: digest, total: size });
  if (!writer.isShared) {
    if (writer.offset > 0) await writer.truncate();
    await writer.write(bytes);
  }
  await writer.commit({ size, expected: digest, labels });
  return { digest, size };
}

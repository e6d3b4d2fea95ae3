/** Media types of the same thing, by the OCI image spec and by Docker, and with other compressions. */
import { MediaType } from "../images/mod.ts";

/** How a layer is compressed. */
export type LayerCompression = "gzip" | "zstd" | "uncompressed";

const pairs: readonly (readonly [oci: string, docker: string])[] = [
  [MediaType.ociIndex, MediaType.dockerIndex],
  [MediaType.ociManifest, MediaType.dockerManifest],
  [MediaType.ociConfig, MediaType.dockerConfig],
];
const ociLayer = /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(?:[+](gzip|zstd))?$/;
const dockerLayer = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(?:[.](gzip|zstd))?$/;

const joined = (base: string, separator: string, compression: string | undefined) =>
  compression ? `${base}${separator}${compression}` : base;

/** The OCI type of the same; what has none stays. */
export function ociType(mediaType: string): string {
  const layer = dockerLayer.exec(mediaType);
  if (!layer) return pairs.find(([, docker]) => docker === mediaType)?.[0] ?? mediaType;
  const base = `application/vnd.oci.image.layer.${layer[1] ? "nondistributable." : ""}v1.tar`;
  return joined(base, "+", layer[2]);
}

/** Docker's type of the same; what has none stays. */
export function dockerType(mediaType: string): string {
  const layer = ociLayer.exec(mediaType);
  if (!layer) return pairs.find(([oci]) => oci === mediaType)?.[1] ?? mediaType;
  const base = `application/vnd.docker.image.rootfs.${layer[1] ? "foreign." : ""}diff.tar`;
  return joined(base, ".", layer[2]);
}

/** How a layer of that type is compressed. */
export function compressionOf(mediaType: string): LayerCompression {
  const layer = ociLayer.exec(mediaType) ?? dockerLayer.exec(mediaType);
  return (layer?.[2] as LayerCompression | undefined) ?? "uncompressed";
}

/** The type of the same layer compressed otherwise. */
export function withCompression(mediaType: string, compression: LayerCompression): string {
  const base = mediaType.replace(/[+.](gzip|zstd)$/, "");
  const separator = ociLayer.test(mediaType) ? "+" : ".";
  return joined(base, separator, compression === "uncompressed" ? undefined : compression);
}

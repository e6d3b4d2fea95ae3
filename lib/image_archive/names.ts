/** What files and names mean in archives of images. Sources: OCI image layout spec, docker image spec v1.2. */

/** The documents at an archive's root: of an OCI layout the first two, of `docker save` the last one. */
export const documentNames = { layout: "oci-layout", index: "index.json", docker: "manifest.json" } as const;

/** Annotations by which an index names its images: containerd's full one, and the spec's, which is often a tag. */
export const nameAnnotation = "io.containerd.image.name";
export const tagAnnotation = "org.opencontainers.image.ref.name";

/** What names an image within its repository: the tag, the digest, or both; the whole of what is no reference. */
export function objectOf(name: string): string {
  const [, object] = /^[^/]+\/[^:@]+[:]?(.+)$/.exec(name) ?? [];
  return object ?? name;
}

const blobPath = /^blobs\/(sha256|sha384|sha512)\/([0-9a-f]+)$/;

/** The digest that a file of an OCI layout claims by its name; undefined for other files. */
export function claimedDigest(path: string): string | undefined {
  const [, algorithm, hex] = blobPath.exec(path) ?? [];
  return algorithm && `${algorithm}:${hex}`;
}

/** Archives made by hand, right in all but what a test spoils. */
import { createHash } from "node:crypto";
import { makeTar, type TarItem } from "../../harness/tar.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const encode = (value: unknown): Bytes => new TextEncoder().encode(JSON.stringify(value)) as Bytes;

const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
};

/** What a document says of content. */
export interface Described {
  mediaType: string;
  digest: string;
  size: number;
}

/** A small image's parts. */
export interface Parts {
  layer: Bytes;
  config: Bytes;
  manifest: Bytes;
  index: Bytes;
}

const described = (kind: keyof typeof types, bytes: Bytes): Described => ({
  mediaType: types[kind],
  digest: digestOf(bytes),
  size: bytes.length,
});

/** An image with one layer; `change` spoils what its documents say of each other. */
export function madeImage(
  change: { layer?: Partial<Described>; manifest?: Partial<Described>; layerBytes?: Bytes } = {},
): Parts {
  const layer = change.layerBytes ?? makeTar([{ name: "hello", body: "hello" }]);
  const config = encode({
    os: "linux",
    architecture: "amd64",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: described("config", config),
    layers: [{ ...described("layer", layer), ...change.layer }],
  });
  const annotations = { "org.opencontainers.image.ref.name": "1" };
  const entry = { ...described("manifest", manifest), annotations, ...change.manifest };
  return { layer, config, manifest, index: encode({ schemaVersion: 2, manifests: [entry] }) };
}

export const layoutFile: TarItem = { name: "oci-layout", body: encode({ imageLayoutVersion: "1.0.0" }) };

export const blobFile = (bytes: Bytes, digest = digestOf(bytes)): TarItem => ({
  name: `blobs/${digest.replace(":", "/")}`,
  body: bytes,
});

/** The files of a layout that holds an image. */
export const layoutFiles = ({ layer, config, manifest, index }: Parts): TarItem[] => [
  layoutFile,
  { name: "index.json", body: index },
  ...[manifest, config, layer].map((bytes) => blobFile(bytes)),
];

/** The files that `docker save` writes for an image. */
export const dockerFiles = ({ layer, config }: Parts, layers = ["abc/layer.tar"]): TarItem[] => [
  { name: "config.json", body: config },
  { name: "abc/layer.tar", body: layer },
  {
    name: "manifest.json",
    body: encode([{ Config: "config.json", RepoTags: ["example.test/made:1"], Layers: layers }]),
  },
];

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chainIds } from "../../../lib/images/mod.ts";
import { type FoundBlob, recordsFor } from "../../../lib/transfer/rebuild_records.ts";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function blob(content: unknown): FoundBlob {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const bytes = new TextEncoder().encode(text);
  return { digest: digestOf(bytes), size: bytes.length, bytes: text.startsWith("{") ? bytes : undefined };
}

const to = (mediaType: string, { digest, size }: FoundBlob, more = {}) => ({
  mediaType,
  digest,
  size,
  ...more,
});
const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

function image(name: string) {
  const layers = [blob(`${name} one`), blob(`${name} two`)];
  const diffIds = layers.map((_, n) => digestOf(new TextEncoder().encode(`${name} diff ${n}`)));
  const config = blob({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: diffIds } });
  const manifest = blob({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: to(types.config, config),
    layers: layers.map((layer) => to(types.layer, layer)),
  });
  return { layers, diffIds, config, manifest, all: [...layers, config, manifest] };
}

const options = { time: Date.parse("2026-01-01T00:00:00Z"), snapshotter: "overlayfs" };

Deno.test("documents that none refers to are images, by the name in them or by their digest", () => {
  const [one, two] = [image("one"), image("two")];
  const annotations = { "io.containerd.image.name": "docker.io/library/one:1" };
  const index = blob({ schemaVersion: 2, manifests: [to(types.manifest, one.manifest, { annotations })] });
  const { images } = recordsFor([...one.all, ...two.all, index], options);
  assert.deepEqual(images.map(({ name, target }) => [name, target!.digest, target!.mediaType]).sort(), [
    ["docker.io/library/one:1", index.digest, types.index],
    [`rebuilt.invalid/manifest:${two.manifest.digest.slice(7, 19)}`, two.manifest.digest, types.manifest],
  ]);
});

Deno.test("records have the labels that a pull leaves", () => {
  const one = image("one");
  const { content } = recordsFor(one.all, options);
  const labels = new Map(content.map((info) => [info.digest, info.labels]));
  assert.deepEqual(labels.get(one.manifest.digest), {
    "containerd.io/gc.ref.content.config": one.config.digest,
    "containerd.io/gc.ref.content.l.0": one.layers[0]!.digest,
    "containerd.io/gc.ref.content.l.1": one.layers[1]!.digest,
  });
  const top = chainIds(one.diffIds).at(-1);
  assert.deepEqual(labels.get(one.config.digest), { "containerd.io/gc.ref.snapshot.overlayfs": top });
  assert.deepEqual(labels.get(one.layers[1]!.digest), { "containerd.io/uncompressed": one.diffIds[1] });
});

Deno.test("an image that lacks a layer was perhaps never unpacked; loose blobs are kept for a week", () => {
  const one = image("one");
  const [, ...rest] = one.all;
  const [loose, json] = [blob("loose"), blob({ some: "json" })];
  const { content } = recordsFor([...rest, loose, json], options);
  const labels = (digest: string) => content.find((info) => info.digest === digest)?.labels;
  assert.deepEqual(labels(one.config.digest), {});
  const week = { "containerd.io/gc.expire": "2026-01-08T00:00:00.000Z" };
  assert.deepEqual([labels(loose.digest), labels(json.digest)], [week, week]);
});

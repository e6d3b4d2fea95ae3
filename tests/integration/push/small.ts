/** Rooms with an image in them, to be pushed. */
import assert from "node:assert/strict";
import { childLabels, parseDocument } from "../../../lib/images/mod.ts";
import { openRooms, type Rooms, scope } from "../transfer/fixture.ts";
import { smallImage } from "../transfer/hostile.ts";
import type { FakeRegistry } from "./fake_registry.ts";
import { digestOf } from "./real.ts";

export const name = "local/image:1";

/** Rooms with one small image, of which everything is here. */
export async function openWithImage(image = smallImage()) {
  const rooms = await openRooms();
  const { layer, config, manifest } = image;
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const target = { mediaType, digest: digestOf(manifest), size: BigInt(manifest.length), annotations: {} };
  const lease = (await rooms.leases.create(scope, { id: "making", labels: {} })).id;
  for (const bytes of [layer, config]) await put(rooms, bytes, {}, lease);
  await put(rooms, manifest, childLabels(parseDocument(manifest, target)), lease);
  const record = { name, target, labels: {}, createdAt: undefined, updatedAt: undefined };
  await rooms.images.create(scope, record);
  await rooms.leases.delete(scope, lease);
  return { rooms, layer, config, manifest, [Symbol.asyncDispose]: () => rooms[Symbol.asyncDispose]() };
}

async function put({ content }: Rooms, bytes: Uint8Array, labels: Record<string, string>, lease: string) {
  const expected = digestOf(bytes);
  await using writer = await content.writer({ ...scope, lease }, expected, { expected });
  await writer.write(bytes);
  await writer.commit({ expected, labels });
}

/** Everything of the image, under its tag. */
export function assertWhole(registry: FakeRegistry, image: Awaited<ReturnType<typeof openWithImage>>) {
  assert.deepEqual(registry.manifests.get("1")?.bytes, image.manifest);
  for (const bytes of [image.layer, image.config]) {
    assert.ok(registry.blobs.get(digestOf(bytes)), "a blob is missing");
  }
}

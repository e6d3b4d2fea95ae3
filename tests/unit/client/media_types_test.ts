import assert from "node:assert/strict";
import { compressionOf, dockerType, ociType, withCompression } from "../../../lib/client/media_types.ts";
import { isLayerType, MediaType } from "../../../lib/images/mod.ts";

const ociLayers = ["", "+gzip", "+zstd"].flatMap((end) =>
  ["", "nondistributable."].map((kind) => `application/vnd.oci.image.layer.${kind}v1.tar${end}`)
);
const dockerLayers = ["", ".gzip", ".zstd"].flatMap((end) =>
  ["", "foreign."].map((kind) => `application/vnd.docker.image.rootfs.${kind}diff.tar${end}`)
);
const { ociIndex, ociManifest, ociConfig, dockerIndex, dockerManifest, dockerConfig } = MediaType;

Deno.test("every OCI type has Docker's, and the way back leads to itself", () => {
  const oci = [ociIndex, ociManifest, ociConfig, ...ociLayers];
  const docker = [dockerIndex, dockerManifest, dockerConfig, ...dockerLayers];
  assert.deepEqual(oci.map(dockerType), docker);
  assert.deepEqual(docker.map(ociType), oci);
  assert.deepEqual(oci.map(ociType), oci);
  assert.deepEqual(docker.map(dockerType), docker);
});

Deno.test("types that are nobody's stay as they are", () => {
  for (const type of ["application/vnd.in-toto+json", "", "application/vnd.oci.image.layer.v1.tar+br"]) {
    assert.equal(ociType(type), type);
    assert.equal(dockerType(type), type);
  }
});

Deno.test("a layer's type can be given any compression, within its family", () => {
  for (const type of [...ociLayers, ...dockerLayers]) {
    for (const compression of ["gzip", "zstd", "uncompressed"] as const) {
      const other = withCompression(type, compression);
      assert.ok(isLayerType(other), other);
      assert.equal(compressionOf(other), compression);
      assert.equal(withCompression(other, compressionOf(type)), type);
    }
  }
});

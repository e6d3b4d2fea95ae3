import assert from "node:assert/strict";
import type { Image } from "../../../lib/api/services/images/v1/images.ts";
import { sourcesOf } from "../../../lib/transfer/sources.ts";

const digest = `sha256:${"a".repeat(64)}`;
const label = "containerd.io/distribution.source.";

function image(name: string): Image {
  const target = { mediaType: "", digest, size: 1n, annotations: {} };
  return { name, labels: {}, target, createdAt: undefined, updatedAt: undefined };
}

Deno.test("the image's name comes first, then what labels name, each once", () => {
  const labels = { [`${label}docker.io`]: "library/alpine,library/base", [`${label}ghcr.io`]: "a/b" };
  assert.deepEqual(sourcesOf(image("docker.io/library/alpine:3"), labels, labels), [
    "docker.io/library/alpine:3",
    `docker.io/library/base@${digest}`,
    `ghcr.io/a/b@${digest}`,
  ]);
});

Deno.test("a label's host gets the port that the image's name has", () => {
  const labels = { [`${label}127.0.0.1`]: "app,base" };
  assert.deepEqual(sourcesOf(image("127.0.0.1:5000/app:1"), labels), [
    "127.0.0.1:5000/app:1",
    `127.0.0.1:5000/base@${digest}`,
  ]);
});

Deno.test("names that no registry has, and labels that name none, are left out", () => {
  assert.deepEqual(sourcesOf(image("local"), { other: "x", [`${label}bad host`]: "x", [label]: "y" }), []);
  assert.deepEqual(sourcesOf(image("rebuilt.invalid/manifest:1"), { [`${label}ghcr.io`]: "a/b" }), [
    `ghcr.io/a/b@${digest}`,
  ]);
});

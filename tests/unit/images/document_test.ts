import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { chainIds, childLabels, MediaType, parseDocument, sourceLabel } from "../../../lib/images/mod.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const target = { digest: digest("0"), mediaType: MediaType.ociManifest as string };
const child = (letter: string, mediaType: string) => ({ mediaType, digest: digest(letter), size: 1 });
const layer = (letter: string) => child(letter, "application/vnd.oci.image.layer.v1.tar");
const config = child("c", MediaType.ociConfig);
const parse = (value: unknown, as = target) =>
  parseDocument(new TextEncoder().encode(JSON.stringify(value)), as);

const wrong: [what: string, value: unknown, why: RegExp][] = [
  ["with manifests and layers (CVE-2021-41190)", { config, layers: [], manifests: [] }, /ambiguous/],
  [
    "that says it is something else (CVE-2021-41190)",
    { mediaType: MediaType.ociIndex, config, layers: [] },
    /descriptor says/,
  ],
  ["that refers to itself", { config, layers: [layer("0")] }, /layers\[0\] refers to the document itself/],
  ["with a negative size", { config, layers: [{ ...layer("1"), size: -1 }] }, /size -1/],
  ["with a path for a digest", { config, layers: [{ ...layer("1"), digest: "../x" }] }, /not a digest/],
  ["without a config", { layers: [] }, /config is missing/],
  ["of 10,000 layers", { config, layers: Array(10_000).fill(layer("1")) }, /10000 layers, the limit/],
  ["that is a list", [], /not a JSON object/],
];

for (const [what, value, why] of wrong) {
  Deno.test(`a manifest ${what} is refused`, () => {
    assert.throws(
      () => parse(value),
      (error) =>
        isError(error, Code.InvalidArgument) && why.test(error.message) &&
        error.message.includes(target.digest),
    );
  });
}

Deno.test("children are kept by containerd's labels", () => {
  assert.deepEqual(childLabels(parse({ config, layers: [layer("1"), layer("2")] })), {
    "containerd.io/gc.ref.content.config": digest("c"),
    "containerd.io/gc.ref.content.l.0": digest("1"),
    "containerd.io/gc.ref.content.l.1": digest("2"),
  });
  const index = { digest: digest("9"), mediaType: MediaType.ociIndex };
  const manifests = [child("1", MediaType.ociManifest), child("2", MediaType.ociIndex)];
  assert.deepEqual(childLabels(parse({ manifests }, index)), {
    "containerd.io/gc.ref.content.m.0": digest("1"),
    "containerd.io/gc.ref.content.m.1": digest("2"),
  });
});

Deno.test("a source label gathers repositories under the host without its port", () => {
  const reference = { host: "127.0.0.1:5000", repository: "b", tag: "1", digest: "" };
  assert.deepEqual(sourceLabel(reference, "c,a"), { "containerd.io/distribution.source.127.0.0.1": "a,b,c" });
});

Deno.test("chain IDs are those of the image specification", () => {
  assert.deepEqual(chainIds([]), []);
  assert.deepEqual(chainIds([digest("a")]), [digest("a")]);
  const [, second] = chainIds([digest("a"), digest("b")]);
  assert.match(second!, /^sha256:[0-9a-f]{64}$/);
});

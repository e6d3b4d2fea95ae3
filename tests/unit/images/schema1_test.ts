import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { configOfSchema1, parseSchema1 } from "../../../lib/images/mod.ts";

const layer = `sha256:${"a".repeat(64)}`;
const step = (more: object = {}) => ({
  v1Compatibility: JSON.stringify({ architecture: "amd64", os: "linux", ...more }),
});
const manifest = (more: object = {}) => ({
  schemaVersion: 1,
  fsLayers: [{ blobSum: layer }, { blobSum: layer }],
  history: [step({ id: "1", config: { Cmd: ["sh"] } }), step({ throwaway: true })],
  ...more,
});
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const parse = (value: unknown) => parseSchema1(bytesOf(value), digestOf(bytesOf(value)));

Deno.test("parseSchema1() reads steps oldest first, and leaves out those without files", () => {
  const read = parse(manifest());
  assert.deepEqual(read.layers, [layer]);
  assert.deepEqual(read.steps.map(({ empty }) => empty), [true, false]);
  const config = JSON.parse(new TextDecoder().decode(configOfSchema1(read, [layer])));
  assert.deepEqual(config, {
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: [layer] },
    history: [{ empty_layer: true }, {}],
  });
});

Deno.test("parseSchema1() takes the digest of what was signed, and of nothing else", () => {
  const signed = JSON.stringify(manifest());
  const head = signed.slice(0, -1);
  const protect = (length: number) =>
    btoa(JSON.stringify({ formatLength: length, formatTail: btoa("}") })).replaceAll("+", "-").replaceAll(
      "/",
      "_",
    )
      .replaceAll("=", "");
  const whole = (length: number) =>
    new TextEncoder().encode(`${head},"signatures":[{"protected":"${protect(length)}"}]}`);
  const digest = digestOf(new TextEncoder().encode(signed));
  assert.deepEqual(parseSchema1(whole(head.length), digest).layers, [layer]);
  assert.throws(() => parseSchema1(whole(head.length - 1), digest), /digest/);
  assert.throws(() => parseSchema1(whole(10_000_000), digest), /signature/);
});

Deno.test("parseSchema1() refuses what can't be such a manifest", () => {
  assert.throws(() => parse({ schemaVersion: 2 }), /no schema 1 manifest/);
  assert.throws(() => parse(manifest({ history: [step()] })), /as many layers as steps/);
  assert.throws(() => parse(manifest({ fsLayers: [], history: [] })), /0 layers/);
  assert.throws(() => parse(manifest({ fsLayers: [{ blobSum: "../x" }, { blobSum: layer }] })), /digest/);
});

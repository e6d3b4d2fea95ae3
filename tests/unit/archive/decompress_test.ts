import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompressor, detectCompression } from "../../../lib/archive/mod.ts";
import { concat } from "../../harness/tar.ts";

const data = new Uint8Array(3_000_000).map((_, at) => at * at >> 7);

/** Decompresses what is given in pieces; gives the compression found and the output. */
function decompress(input: Uint8Array, step: number) {
  const parts: Uint8Array[] = [];
  using it = decompressor((chunk, length) => parts.push(chunk.slice(0, length)));
  for (let at = 0; at < input.length; at += step) it.push(new Uint8Array(input.subarray(at, at + step)));
  it.finish();
  return { compression: it.compression, output: concat(parts) };
}

const skippable = Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
const half = data.length / 2;
const inputs: Record<string, [string, Uint8Array]> = {
  "gzip": ["gzip", gzipSync(data)],
  "gzip of several members": [
    "gzip",
    concat([gzipSync(data.subarray(0, half)), gzipSync(data.subarray(half))]),
  ],
  "zstd": ["zstd", zstdCompressSync(data)],
  "zstd of several frames": [
    "zstd",
    concat([
      skippable,
      zstdCompressSync(data.subarray(0, half)),
      skippable,
      zstdCompressSync(data.subarray(half)),
    ]),
  ],
  "zstd with a checksum": ["zstd", zstdCompressSync(data, { params: { 201: 1 } })],
  "no compression": ["none", data],
};

for (const [name, [compression, input]] of Object.entries(inputs)) {
  for (const step of [100_000, 4_000_000, 7001]) {
    Deno.test(`decompressor undoes ${name} in pieces of ${step}`, () => {
      const result = decompress(input, step);
      assert.equal(result.compression, compression);
      assert.ok(concat([result.output]).every((byte, at) => byte === data[at]));
      assert.equal(result.output.length, data.length);
    });
  }
}

Deno.test("decompressor finds the end of a zstd stream that is cut at any place", () => {
  const whole = concat([
    zstdCompressSync(data.subarray(0, 5000)),
    skippable,
    zstdCompressSync(data.subarray(0, 300)),
  ]);
  const ends = new Set([whole.length, zstdCompressSync(data.subarray(0, 5000)).length]);
  ends.add([...ends][1]! + skippable.length);
  for (let cut = 4; cut <= whole.length; cut++) {
    if (ends.has(cut)) decompress(whole.subarray(0, cut), 1000);
    else assert.throws(() => decompress(whole.subarray(0, cut), 1000), /zstd/, `cut at ${cut}`);
  }
});

Deno.test("decompressor takes short streams for what they are", () => {
  assert.deepEqual(decompress(new Uint8Array(0), 1), { compression: "none", output: new Uint8Array(0) });
  assert.deepEqual(decompress(Uint8Array.of(1, 2), 1).output, Uint8Array.of(1, 2));
});

Deno.test("detectCompression goes by the first bytes", () => {
  assert.equal(detectCompression(Uint8Array.of(0x1f, 0x8b, 8, 0)), "gzip");
  assert.equal(detectCompression(Uint8Array.of(0x1f, 0x8b, 7, 0)), "none");
  assert.equal(detectCompression(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)), "zstd");
  assert.equal(detectCompression(skippable), "zstd");
});

import assert from "node:assert/strict";
import { zstdCompressSync } from "node:zlib";
import { LayerApplier } from "../../../lib/archive/apply.ts";
import { makeTar } from "../../harness/tar.ts";
import { Scratch } from "../../harness/mod.ts";

Deno.test("a layer that unpacks to more than its limit is refused, and others aren't", async () => {
  await using scratch = await Scratch.make("shm");
  const bomb = new Uint8Array(zstdCompressSync(makeTar([{ name: "zeros", body: new Uint8Array(8 << 20) }])));
  const apply = (limit?: { bytes: number; ratio: number }) => {
    using applier = new LayerApplier({ dir: scratch.path, form: "plain" }, limit);
    applier.push(bomb);
    return applier.finish();
  };
  assert.throws(
    () => apply({ bytes: 1 << 20, ratio: 10 }),
    /the limit is 1 MiB and 10 times its compressed size/,
  );
  assert.ok(apply({ bytes: 1 << 20, ratio: 1e6 }).size > 8 << 20);
  assert.ok(apply().size > 8 << 20);
});

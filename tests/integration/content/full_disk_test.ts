import assert from "node:assert/strict";
import { BlobStore } from "../../../lib/content/mod.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { ContentStore, Database } from "../../../lib/metadata/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { blobOf } from "./blob.ts";

const scope = { namespace: "full" };

Deno.test("a full disk is ResourceExhausted, and the write goes on when there is room again", async () => {
  await using scratch = await Scratch.make();
  const content = scratch.join("content");
  await Deno.mkdir(content);
  await must("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", content]);
  const db = await Database.open(scratch.join("metadata.kv"));
  try {
    const store = new ContentStore(db, await BlobStore.open(content), createExchange());
    const { bytes, digest } = blobOf(18);
    assert.ok(bytes.length > 100_000);
    await using writer = await store.writer(scope, "ref", { expected: digest });
    await writer.write(bytes.subarray(0, 10_000));
    const tooMuch = writer.write(bytes.subarray(10_000));
    await assert.rejects(tooMuch, (error) => isError(error, Code.ResourceExhausted));
    assert.equal((await store.status(scope, "ref")).offset, 10_000n);
    await must("mount", ["-o", "remount,size=1m", content]);
    await writer.write(bytes.subarray(10_000));
    await writer.commit({ size: bytes.length });
    assert.deepEqual(await store.readAll(scope, digest), bytes);
  } finally {
    await db.close();
  }
});

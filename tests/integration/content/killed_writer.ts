/**
 * Writes blobs as fast as it can into the store at the directory given, telling of each that was committed, until
 * it is killed. Some refs are given up half-way, as by clients that vanish.
 */
import { BlobStore } from "../../../lib/content/mod.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { ContentStore, Database } from "../../../lib/metadata/mod.ts";
import { blobOf } from "./blob.ts";

const [dir = "", from = "0"] = Deno.args;
const db = await Database.open(`${dir}/metadata.kv`);
const store = new ContentStore(db, await BlobStore.open(`${dir}/content`), createExchange());
const encoder = new TextEncoder();

async function write(n: number): Promise<void> {
  const { bytes, digest } = blobOf(n);
  await using writer = await store.writer({ namespace: "killed" }, `ref-${n}`, {
    expected: digest,
    total: bytes.length,
  });
  const step = 10_000;
  for (let at = writer.offset; at < bytes.length; at += step) {
    await writer.write(bytes.subarray(at, at + step));
  }
  if (n % 5 === 4) return;
  await writer.commit({ size: bytes.length });
  Deno.stdout.writeSync(encoder.encode(`${n}\n`));
}

for (let n = Number(from);; n += 3) await Promise.all([write(n), write(n + 1), write(n + 2)]);

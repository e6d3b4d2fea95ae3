import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BlobStore } from "../../../lib/content/mod.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { ContentStore, Database } from "../../../lib/metadata/mod.ts";
import { Scratch } from "../../harness/mod.ts";
import { blobOf } from "./blob.ts";

const scope = { namespace: "killed" };
const program = new URL("killed_writer.ts", import.meta.url).pathname;

/** Runs the writer until it has told of `count` blobs and `delay` more milliseconds; the numbers it told. */
async function killAfter(dir: string, from: number, count: number, delay: number): Promise<number[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", program, dir, String(from)],
    stdout: "piped",
  }).spawn();
  let told = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    told += text;
    if (timer === undefined && told.split("\n").length > count) {
      timer = setTimeout(() => child.kill("SIGKILL"), delay);
    }
  }
  assert.equal((await child.status).signal, "SIGKILL");
  return told.slice(0, told.lastIndexOf("\n")).split("\n").map(Number);
}

/** Every file under a digest's name has that digest. */
async function checkBlobs(dir: string): Promise<void> {
  for await (const { name } of Deno.readDir(`${dir}/content/blobs/sha256`)) {
    const bytes = await Deno.readFile(`${dir}/content/blobs/sha256/${name}`);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), name);
  }
}

async function goOn(store: ContentStore, ref: string): Promise<void> {
  const n = Number(ref.slice("ref-".length));
  const { bytes, digest } = blobOf(n);
  await using writer = await store.writer(scope, ref, { expected: digest, total: bytes.length });
  assert.ok(writer.offset <= bytes.length);
  await writer.write(bytes.subarray(writer.offset));
  assert.equal((await writer.commit({ size: bytes.length })).digest, digest);
}

Deno.test("kill -9 at any time leaves whole blobs only, all that were acknowledged, and writes that go on", async () => {
  await using scratch = await Scratch.make("shm");
  const dir = scratch.path;
  for (let round = 0; round < 5; round++) {
    const told = await killAfter(dir, round * 10_000, 10, round * 3);
    await checkBlobs(dir);
    const db = await Database.open(`${dir}/metadata.kv`);
    try {
      const store = new ContentStore(db, await BlobStore.open(`${dir}/content`), createExchange());
      for (const n of told) {
        const { digest, bytes } = blobOf(n);
        assert.deepEqual(await store.readAll(scope, digest), bytes);
      }
      const left = await store.statuses(scope);
      assert.notEqual(left.length, 0, "the writer gives some up");
      for (const { ref } of left) await goOn(store, ref);
      await store.sweep();
      assert.deepEqual([...Deno.readDirSync(`${dir}/content/ingest`)], []);
      const files = [...Deno.readDirSync(`${dir}/content/blobs/sha256`)].map(({ name }) => `sha256:${name}`);
      assert.deepEqual(files.sort(), store.list(scope).map(({ digest }) => digest).sort());
    } finally {
      await db.close();
    }
  }
});

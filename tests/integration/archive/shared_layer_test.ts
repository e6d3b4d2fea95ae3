/** A layer that two Workers share: all that comes of it, and of what goes wrong in it, is as with one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CtrError } from "../../../lib/errors.ts";
import {
  type LayerJob,
  type LayerJobOptions,
  type LayerResult,
  LayerWorkers,
} from "../../../lib/transfer/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { concat, makeTar, type TarItem } from "../../harness/tar.ts";
import { readTree } from "../../harness/tree.ts";

const sha256 = (data: Uint8Array) => "sha256:" + createHash("sha256").update(data).digest("hex");

type Bytes = Uint8Array<ArrayBuffer>;

function noise(size: number): Bytes {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
  return data;
}

/** What a layer may hold, and bodies of all sizes around that of a slot. */
function items(): TarItem[] {
  const sizes = [0, 1, 511, 512, 513, 1000, 262_143, 262_144, 262_145, 1_000_000, 3_000_000];
  const files = sizes.map((size) => ({ name: `sizes/${size}`, body: noise(size) }));
  const many = Array.from(
    { length: 500 },
    (_, n) => ({ name: `many/${n % 7}/${n}`, body: `${n}`, pax: { mtime: `${n}.5` } }),
  );
  return [
    { name: "./", type: "5", mode: 0o755 },
    { name: "./etc/", type: "5", mode: 0o750, uid: 3, gid: 4 },
    { name: "./etc/link", type: "2", linkName: "../sizes/1" },
    ...files,
    ...many,
    { name: "etc/hard", type: "1", linkName: "sizes/513" },
    { name: "etc/.wh.gone", body: "" },
    { name: `${"long/".repeat(40)}name`, body: "deep" },
    { name: "dev/null", type: "3", device: { major: 1, minor: 3 } },
  ];
}

/** A pool of two, and directories for what it unpacks. */
class Bench implements AsyncDisposable {
  readonly workers = new LayerWorkers({ count: 2 });
  readonly scratch: Scratch;
  #dirs = 0;

  private constructor(scratch: Scratch) {
    this.scratch = scratch;
  }

  static async make(): Promise<Bench> {
    return new Bench(await Scratch.make("shm"));
  }

  async job(layer: Bytes, more: Partial<LayerJob> = {}): Promise<LayerJob & { target: { dir: string } }> {
    const dir = this.scratch.join(`dir${this.#dirs++}`);
    await Deno.mkdir(dir);
    await Deno.writeFile(`${dir}.layer`, layer);
    const source = { file: `${dir}.layer` };
    const expected = { digest: sha256(layer), size: layer.length };
    return { source, expected, target: { dir, form: "overlay" }, mediaType: "", ...more } as Awaited<
      ReturnType<Bench["job"]>
    >;
  }

  /** Unpacks with one Worker or with two; gives the outcome and what was in the directory then. */
  async outcome(layer: Bytes, options: LayerJobOptions, more?: Partial<LayerJob>) {
    const job = await this.job(layer, more);
    const settled = await this.workers.run(job, options).then(
      (result) => ({ result }),
      (error) => ({ error }),
    );
    return { ...settled as { result?: LayerResult; error?: CtrError }, dir: job.target.dir };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.workers.close();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** A layer's tree. What no entry describes, whiteouts too, has the time when it was made. */
function treeOf({ dir, result }: { dir: string; result?: LayerResult }) {
  const tree = readTree(dir);
  for (const path of ["", "etc/gone", ...result!.impliedDirs!]) {
    tree.set(path, { ...tree.get(path)!, mtime: "" });
  }
  return tree;
}

const alone = { accompanied: true };
const shared = { accompanied: false };

Deno.test("a shared layer gives the same tree, digests and counts, however it is compressed", async () => {
  await using bench = await Bench.make();
  const tar = makeTar(items());
  const compressed = {
    gzip: new Uint8Array(gzipSync(tar, { level: 1 })),
    "two gzip members": concat([gzipSync(tar.subarray(0, 1_000_001)), gzipSync(tar.subarray(1_000_001))]),
    zstd: new Uint8Array(zstdCompressSync(tar)),
    none: tar,
  };
  for (const [name, layer] of Object.entries(compressed)) {
    const one = await bench.outcome(layer, alone);
    assert.equal(bench.workers.size, name === "gzip" ? 1 : 2);
    const two = await bench.outcome(layer, shared);
    assert.equal(bench.workers.size, 2, "the second Worker came");
    assert.equal(one.result?.diffId, sha256(tar), String(one.error));
    assert.deepEqual(two.result, one.result, name);
    assert.deepEqual(
      [...two.result!.impliedDirs!].sort(),
      [
        "dev",
        ...Array.from({ length: 40 }, (_, n) => "long/".repeat(n + 1).slice(0, -1)),
        "many",
        ...Array.from({ length: 7 }, (_, n) => `many/${n}`),
        "sizes",
      ].sort(),
    );
    assert.deepEqual(treeOf(two), treeOf(one), name);
  }
});

const good = makeTar(items());

/** A layer whose bytes at `at` are others. */
function damaged(layer: Uint8Array, at: number, bytes: number[]): Bytes {
  const copy = new Uint8Array(layer);
  copy.set(bytes, at);
  return copy;
}

const bad: [what: string, layer: Bytes, says: RegExp, job?: Partial<LayerJob>][] = [
  ["gzip that is damaged in the middle", damaged(gzipSync(good), 3_000_000, Array(64).fill(0xff)), /gzip: /],
  ["gzip that ends early", new Uint8Array(gzipSync(good)).subarray(0, 4_000_000), /unexpected end of file/],
  ["something after the gzip", concat([gzipSync(good), noise(1000)]), /gzip: /],
  ["a tar with a damaged header", damaged(good, good.length - 1536, [1, 2, 3]), /wrong checksum/],
  ["a tar that ends early", good.subarray(0, 3_500_000), /in the middle of entry/],
  ["a damaged header, and later damaged gzip", both(), /wrong checksum/],
  ["a name that climbs out", makeTar([...items(), { name: "../../evil" }]), /out of the layer/],
  ["a link to nothing", makeTar([...items(), { name: "l", type: "1", linkName: "no/such" }]), /no such file/],
  ["another digest", good, /its bytes have the digest/, {
    expected: { digest: sha256(new Uint8Array(0)), size: good.length },
  }],
  ["another size", good, /expected 5 bytes/, { expected: { digest: sha256(good), size: 5 } }],
  ["no directory", good, /no such file/, { target: { dir: "/nonexistent/longshore", form: "overlay" } }],
];

/** The tar goes wrong first, and by the time that this is known the gzip has, too. */
function both(): Bytes {
  const tar = damaged(makeTar([...items(), { name: "last", body: noise(400_000) }]), 0, [9, 9]);
  const layer = new Uint8Array(gzipSync(tar));
  return damaged(layer, layer.length - 100_000, Array(64).fill(0xff));
}

for (const [what, layer, says, job] of bad) {
  Deno.test(`a shared layer with ${what} fails as one that isn't shared, and the next one is done`, async () => {
    await using bench = await Bench.make();
    const one = await bench.outcome(layer, alone, job);
    const two = await bench.outcome(layer, shared, job);
    assert.match(String(one.error?.message), says);
    assert.ok(one.error instanceof CtrError && two.error instanceof CtrError);
    assert.deepEqual([two.error.message, two.error.code], [one.error.message, one.error.code]);
    const next = await bench.outcome(good, shared);
    assert.equal(next.result?.diffId, sha256(good), String(next.error));
  });
}

Deno.test("a full disk fails a shared layer by the file that it has no room for", async () => {
  await using bench = await Bench.make();
  const small = bench.scratch.join("small");
  await Deno.mkdir(small);
  await must("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", small]);
  for (const options of [alone, shared]) {
    const dir = `${small}/${options.accompanied}`;
    await Deno.mkdir(dir);
    const { error } = await bench.outcome(good, options, { target: { dir, form: "overlay" } });
    assert.match(String(error?.message), /unpack "sizes\/3000000": write: no space left on device/);
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an abort ends both halves wherever they are, and nothing is written afterwards", async () => {
  await using bench = await Bench.make();
  const layer = makeTar(Array.from({ length: 40_000 }, (_, n) => ({ name: `${n}`, body: "x" })));
  await bench.outcome(good, shared);
  for (const after of [0, 5, 20, 60]) {
    const job = await bench.job(layer);
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), after);
    await assert.rejects(bench.workers.run(job, { signal: abort.signal }), /enough/);
    const count = () => [...Deno.readDirSync(job.target.dir)].length;
    const before = count();
    assert.ok(before < 40_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(count(), before);
  }
  assert.equal((await bench.outcome(layer, shared)).result?.entries, 40_000);
});

Deno.test("a pool that is closed ends both halves, and nothing is written any more", async () => {
  const layer = makeTar(Array.from({ length: 40_000 }, (_, n) => ({ name: `${n}`, body: "x" })));
  for (const after of [0, 50, 150, 250]) {
    await using bench = await Bench.make();
    await bench.outcome(good, shared);
    const job = await bench.job(layer);
    const failed = assert.rejects(bench.workers.run(job), /closing/);
    await new Promise((resolve) => setTimeout(resolve, after));
    assert.equal(bench.workers.size, 2);
    await bench.workers.close();
    const count = () => [...Deno.readDirSync(job.target.dir)].length;
    const before = count();
    await failed;
    assert.equal(bench.workers.size, 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(count(), before);
  }
});

Deno.test("a shared layer that waits for its bytes takes nobody's place", async () => {
  await using bench = await Bench.make();
  const layer = new Uint8Array(gzipSync(good));
  const rest = Promise.withResolvers<void>();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    const body = async function* () {
      yield layer.subarray(0, 1000);
      await rest.promise;
      yield layer.subarray(1000);
    };
    return new Response(ReadableStream.from(body()));
  });
  const [digest, size] = [sha256(layer), layer.length];
  const url = `http://127.0.0.1:${server.addr.port}/v2/x/blobs/${digest}`;
  const slow = bench.workers.run(
    await bench.job(layer, {
      source: { blob: { url, headers: {}, digest, size } },
      ingest: { path: bench.scratch.join("ingest"), offset: 0, digest, size },
    }),
  );
  const others = await Promise.all([bench.outcome(good, shared), bench.outcome(layer, alone)]);
  assert.deepEqual(others.map(({ result }) => result?.diffId), [sha256(good), sha256(good)]);
  rest.resolve();
  assert.equal((await slow).diffId, sha256(good));
});

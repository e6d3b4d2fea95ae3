/** The pool that fetches, verifies and unpacks layers. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code, CtrError } from "../../../lib/errors.ts";
import type { BlobRequest } from "../../../lib/remotes/mod.ts";
import { applyDiff, InterruptedError, type LayerJob, LayerWorkers } from "../../../lib/transfer/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { makeTar } from "../../harness/tar.ts";
import { readTree } from "../../harness/tree.ts";

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const sha256 = (data: Uint8Array) => "sha256:" + createHash("sha256").update(data).digest("hex");
const random = (size: number) => {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
  return data;
};
const tar = makeTar([{ name: "etc/big", body: random(3 << 20) }, { name: "etc/small", body: "x" }]);
const layer = new Uint8Array(gzipSync(tar));
const digest = sha256(layer);

/** A pool, a place for its files, and a server of blobs whose answers the test makes. */
class Bench implements AsyncDisposable {
  readonly workers = new LayerWorkers({ count: 2 });
  readonly scratch: Scratch;
  readonly ranges: (string | null)[] = [];
  answer: (request: Request) => Response = (request) => this.blob(request);
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(scratch: Scratch) {
    this.scratch = scratch;
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      this.ranges.push(request.headers.get("range"));
      return this.answer(request);
    });
  }

  static async make(): Promise<Bench> {
    const bench = new Bench(await Scratch.make("shm"));
    await Deno.mkdir(bench.target);
    await Deno.writeFile(bench.file, layer);
    return bench;
  }

  get target(): string {
    return this.scratch.join("target");
  }

  get file(): string {
    return this.scratch.join("layer");
  }

  get ingest(): string {
    return this.scratch.join("ingest");
  }

  /** The layer, or the rest of it, as registries answer. */
  blob(request: Request): Response {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (from === 0) return new Response(layer);
    const headers = { "content-range": `bytes ${from}-${layer.length - 1}/${layer.length}` };
    return new Response(layer.slice(from), { status: 206, headers });
  }

  fileJob(job: Partial<LayerJob> = {}): LayerJob {
    const target = { dir: this.target, form: "overlay" as const };
    return { source: { file: this.file }, target, mediaType: MEDIA_TYPE, ...job };
  }

  blobJob(offset = 0): LayerJob {
    const url = `http://127.0.0.1:${this.#server.addr.port}/v2/x/blobs/${digest}`;
    return this.fileJob({
      source: { blob: { url, headers: {}, digest, size: layer.length } },
      ingest: { path: this.ingest, offset, digest, size: layer.length },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.workers.close();
    await this.#server.shutdown();
    await this.scratch[Symbol.asyncDispose]();
  }
}

const fails = (code: Code, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CtrError, String(error));
  assert.match(error.message, says);
  assert.equal(error.code, code);
  return true;
};

Deno.test("a layer from a file is unpacked and both digests are told", async () => {
  await using bench = await Bench.make();
  const progress: number[] = [];
  const result = await bench.workers.run(bench.fileJob(), { onProgress: (p) => progress.push(p.received) });
  assert.deepEqual(result, {
    digest,
    size: layer.length,
    diffId: sha256(tar),
    unpackedSize: tar.length,
    entries: 2,
    impliedDirs: ["etc"],
  });
  assert.ok(progress.every((received) => received > 0 && received <= layer.length));
  assert.equal(readTree(bench.target).get("etc/big")!.content.split(" ")[0], String(3 << 20));
});

Deno.test("a job without a target only hashes", async () => {
  await using bench = await Bench.make();
  const result = await bench.workers.run({ source: { file: bench.file }, mediaType: MEDIA_TYPE });
  assert.deepEqual(result, { digest, size: layer.length });
});

Deno.test("a layer that isn't the expected one fails with both digests named", async () => {
  await using bench = await Bench.make();
  const wrong = "sha256:" + "0".repeat(64);
  const job = bench.fileJob({ expected: { digest: wrong, size: layer.length } });
  await assert.rejects(
    bench.workers.run(job),
    fails(Code.FailedPrecondition, new RegExp(`${wrong}.*${digest}`)),
  );
  const short = bench.fileJob({ expected: { digest, size: 5 } });
  await assert.rejects(
    bench.workers.run(short),
    fails(Code.FailedPrecondition, new RegExp(`expected 5 bytes, got ${layer.length}`)),
  );
});

Deno.test("a layer that isn't one fails as bad input, and its worker goes on", async () => {
  await using bench = await Bench.make();
  await Deno.writeTextFile(bench.scratch.join("html"), "<html>".repeat(200));
  const bad = bench.fileJob({ source: { file: bench.scratch.join("html") } });
  for (let i = 0; i < 5; i++) {
    await assert.rejects(bench.workers.run(bad), fails(Code.InvalidArgument, /wrong checksum/));
  }
  assert.equal((await bench.workers.run(bench.fileJob())).digest, digest);
});

Deno.test("many jobs share few workers and all are done", async () => {
  await using bench = await Bench.make();
  const results = await Promise.all(Array.from({ length: 12 }, async (_, n) => {
    const dir = bench.scratch.join(`t${n}`);
    await Deno.mkdir(dir);
    return await bench.workers.run(bench.fileJob({ target: { dir, form: "plain" } }));
  }));
  assert.deepEqual(new Set(results.map((result) => result.diffId)), new Set([sha256(tar)]));
});

Deno.test("workers without jobs are let go, and others come for the next", async () => {
  await using scratch = await Scratch.make("shm");
  const file = scratch.join("layer");
  await Deno.writeFile(file, layer);
  await using workers = new LayerWorkers({ patience: 10 });
  for (let round = 0; round < 2; round++) {
    assert.equal((await workers.run({ source: { file }, mediaType: MEDIA_TYPE })).digest, digest);
    assert.equal(workers.size, 1);
    for (let tries = 0; tries < 500 && workers.size > 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(workers.size, 0);
  }
});

Deno.test("an abort rejects with its reason, queued or running, and the pool goes on", async () => {
  await using bench = await Bench.make();
  await Deno.writeFile(bench.file, random(64 << 20));
  const abort = new AbortController();
  const jobs = Array.from(
    { length: 5 },
    () =>
      bench.workers.run({ source: { file: bench.file }, mediaType: MEDIA_TYPE }, { signal: abort.signal }),
  );
  setTimeout(() => abort.abort(new Error("enough")), 20);
  for (const outcome of await Promise.allSettled(jobs)) {
    assert.ok(outcome.status === "rejected" && outcome.reason.message === "enough");
  }
  await Deno.writeFile(bench.file, layer);
  assert.equal((await bench.workers.run(bench.fileJob())).digest, digest);
});

Deno.test("closing the pool fails what isn't done", async () => {
  await using bench = await Bench.make();
  await Deno.writeFile(bench.file, random(64 << 20));
  const job = bench.workers.run({ source: { file: bench.file }, mediaType: MEDIA_TYPE });
  const failed = assert.rejects(job, fails(Code.Canceled, /closing/));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await bench.workers.close();
  await failed;
  await assert.rejects(bench.workers.run(bench.fileJob()), fails(Code.Unavailable, /closed/));
});

Deno.test("a blob is fetched into its ingest and unpacked in one pass", async () => {
  await using bench = await Bench.make();
  const result = await bench.workers.run(bench.blobJob());
  assert.equal(result.digest, digest);
  assert.equal(result.diffId, sha256(tar));
  assert.deepEqual(await Deno.readFile(bench.ingest), layer);
});

Deno.test("a blob that is there in part is taken on from where it ends", async () => {
  await using bench = await Bench.make();
  await Deno.writeFile(bench.ingest, layer.subarray(0, 1_000_000));
  const result = await bench.workers.run(bench.blobJob(1_000_000));
  assert.equal(result.digest, digest);
  assert.deepEqual(bench.ranges, ["bytes=1000000-"]);
  assert.deepEqual(await Deno.readFile(bench.ingest), layer);
});

Deno.test("a body that ends early can be taken up again, by the bytes in the ingest", async () => {
  await using bench = await Bench.make();
  bench.answer = () => new Response(layer.subarray(0, 500_000));
  const broken = await bench.workers.run(bench.blobJob()).catch((error) => error);
  assert.ok(broken instanceof InterruptedError, String(broken));
  assert.match(broken.message, new RegExp(`500000 of ${layer.length}`));
  assert.equal(broken.received, 500_000);
  bench.answer = (request) => bench.blob(request);
  await Deno.remove(bench.target, { recursive: true });
  await Deno.mkdir(bench.target);
  const result = await bench.workers.run(bench.blobJob(broken.received));
  assert.equal(result.diffId, sha256(tar));
});

Deno.test("a body that is too long fails with both lengths named, announced or not", async () => {
  await using bench = await Bench.make();
  const long = new Uint8Array([...layer, 1, 2, 3]);
  const says = (got: string) => new RegExp(`expected ${layer.length} bytes.*${got}`);
  bench.answer = () => new Response(long);
  await assert.rejects(
    bench.workers.run(bench.blobJob()),
    fails(Code.FailedPrecondition, says(`has ${long.length}`)),
  );
  bench.answer = () => new Response(new Blob([long]).stream());
  await assert.rejects(
    bench.workers.run(bench.blobJob()),
    fails(Code.FailedPrecondition, says(`got ${long.length}`)),
  );
});

Deno.test("a blob that the registry doesn't have is an error of its own, not a broken transfer", async () => {
  await using bench = await Bench.make();
  bench.answer = () => new Response("gone", { status: 404 });
  await assert.rejects(bench.workers.run(bench.blobJob()), fails(Code.NotFound, new RegExp(digest)));
});

Deno.test("a body with other bytes fails by its digest", async () => {
  await using bench = await Bench.make();
  const other = new Uint8Array(gzipSync(makeTar([{ name: "evil", body: random(3 << 20) }]), { level: 0 }));
  bench.answer = () => new Response(other.subarray(0, layer.length));
  const html = new TextEncoder().encode("<html>".padEnd(layer.length, "x"));
  for (const body of [other.subarray(0, layer.length), html]) {
    bench.answer = () => new Response(body);
    for (const job of [bench.blobJob(), { ...bench.blobJob(), target: undefined }]) {
      await assert.rejects(
        bench.workers.run(job),
        fails(Code.FailedPrecondition, new RegExp(`${digest}: its bytes have the digest ${sha256(body)}`)),
      );
    }
  }
});

Deno.test("a blob whose own bytes can't be unpacked fails as bad input after all of it came", async () => {
  await using bench = await Bench.make();
  const html = new TextEncoder().encode("<html>".repeat(200_000));
  const [digest, size] = [sha256(html), html.length];
  const { source, ...job } = bench.blobJob();
  const blob = { ...(source as { blob: BlobRequest }).blob, digest, size };
  bench.answer = () => new Response(html);
  const bad = { ...job, source: { blob }, ingest: { ...job.ingest!, digest, size } };
  await assert.rejects(bench.workers.run(bad), fails(Code.InvalidArgument, /wrong checksum|not a tar/));
  assert.deepEqual(await Deno.readFile(bench.ingest), html);
  bench.answer = (request) => bench.blob(request);
  await Deno.remove(bench.target, { recursive: true });
  await Deno.mkdir(bench.target);
  assert.equal((await bench.workers.run(bench.blobJob())).digest, sha256(layer));
});

Deno.test("Diff.Apply unpacks into an overlay's upper directory and a bind's source", async () => {
  await using bench = await Bench.make();
  const content = { path: () => bench.file, info: () => ({ size: BigInt(layer.length) }) };
  const diff = { mediaType: MEDIA_TYPE, digest, size: 0n, annotations: {} };
  const [lower, upper, bind] = ["lower", "upper", "bind"].map((name) => bench.scratch.join(name));
  for (const dir of [`${lower}/etc`, upper!, bind!]) await Deno.mkdir(dir, { recursive: true });
  await Deno.chmod(`${lower}/etc`, 0o700);
  const apply = (mount: { type: string; source: string; options: string[] }) =>
    applyDiff(content, bench.workers, { namespace: "test" }, { diff, mounts: [{ target: "", ...mount }] });
  const options = [`lowerdir=${lower}`, `upperdir=${upper}`, "workdir=/none"];
  const applied = await apply({ type: "overlay", source: "overlay", options });
  assert.deepEqual(applied, {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: sha256(tar),
    size: BigInt(tar.length),
    annotations: {},
  });
  assert.equal(readTree(upper!).get("etc")!.mode, "0700");
  await apply({ type: "bind", source: bind!, options: ["rbind", "rw"] });
  assert.deepEqual([...readTree(bind!).keys()].sort(), ["", "etc", "etc/big", "etc/small"]);
});

Deno.test("Diff.Apply mounts what it can't write to directly, and unmounts it", async () => {
  await using bench = await Bench.make();
  const content = { path: () => bench.file, info: () => ({ size: BigInt(layer.length) }) };
  const diff = { mediaType: MEDIA_TYPE, digest, size: 0n, annotations: {} };
  // A name of its own: other tests mount at the same time.
  const source = `test-${crypto.randomUUID()}`;
  const mounts = [{ type: "tmpfs", source, target: "", options: [] }];
  const applied = await applyDiff(content, bench.workers, { namespace: "test" }, { diff, mounts });
  assert.equal(applied.digest, sha256(tar));
  assert.equal((await Deno.readTextFile("/proc/self/mounts")).includes(source), false);
});

Deno.test("Diff.Apply refuses media types that aren't tar", async () => {
  await using bench = await Bench.make();
  const content = { path: () => bench.file, info: () => ({ size: BigInt(layer.length) }) };
  for (
    const mediaType of [
      "application/vnd.erofs.layer.v1",
      "application/vnd.oci.image.layer.v1.tar+encrypted",
      "",
    ]
  ) {
    const diff = { mediaType, digest, size: 0n, annotations: {} };
    await assert.rejects(
      applyDiff(content, bench.workers, { namespace: "test" }, { diff, mounts: [] }),
      fails(Code.Unimplemented, /media type/),
    );
  }
});

Deno.test("a disk that is full is not taken for a broken transfer", async () => {
  await using bench = await Bench.make();
  const small = bench.scratch.join("small");
  await Deno.mkdir(small);
  await must("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
  const job = bench.blobJob();
  const ingest = { ...job.ingest!, path: `${small}/ingest` };
  await assert.rejects(bench.workers.run({ ...job, ingest }), fails(Code.ResourceExhausted, /No space left/));
  const target = { dir: `${small}/fs`, form: "plain" as const };
  await Deno.remove(`${small}/ingest`);
  await Deno.mkdir(target.dir);
  await assert.rejects(
    bench.workers.run({ ...job, target }),
    fails(Code.ResourceExhausted, /etc\/big.*no space left/),
  );
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { type FileSink, readArchive } from "../../../lib/image_archive/reader.ts";
import { archiveBytes, type ArchiveFile } from "../../../lib/image_archive/writer.ts";
import { concat, makeTar, type TarItem } from "../../harness/tar.ts";

type Bytes = Uint8Array<ArrayBuffer>;

async function* inPieces(bytes: Bytes, size: number): AsyncGenerator<Bytes> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Keeps what it is given. */
function keeping() {
  const kept = new Map<string, Bytes>();
  const abandoned: string[] = [];
  const open = (path: string): Promise<FileSink> => {
    const parts: Bytes[] = [];
    return Promise.resolve({
      write: (bytes: Bytes) => Promise.resolve(void parts.push(bytes.slice())),
      finish() {
        const bytes = concat(parts);
        kept.set(path, bytes);
        return Promise.resolve({ digest: bytes.join(), size: bytes.length });
      },
      abandon: () => Promise.resolve(void abandoned.push(path)),
    });
  };
  return { kept, abandoned, open };
}

Deno.test("reading an archive gives its files, whatever pieces it comes in", async () => {
  const files = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (bodies, size) => {
      const items = bodies.map((body, n): TarItem => ({ name: `./dir//file${n}`, body }));
      const { kept, open } = keeping();
      const contents = await readArchive(inPieces(makeTar(items), size), open);
      assert.deepEqual([...kept.keys()], bodies.map((_, n) => `dir/file${n}`));
      bodies.forEach((body, n) => assert.deepEqual([...kept.get(`dir/file${n}`)!], [...body]));
      assert.equal(contents.files.size, bodies.length);
    }),
    { numRuns: 50 },
  );
});

Deno.test("reading an archive keeps documents, links and nothing of docker's first format", async () => {
  const { kept, open } = keeping();
  const old = "f".repeat(64);
  const contents = await readArchive(
    inPieces(
      makeTar([
        { name: "manifest.json", body: "[]" },
        { name: "repositories", body: "{}" },
        { name: `${old}/json`, body: "{}" },
        { name: `${old}/VERSION`, body: "1.0" },
        { name: `${old}/layer.tar`, type: "2", linkName: "../a/layer.tar" },
        { name: "hard", type: "1", linkName: "a/layer.tar" },
        { name: "out", type: "2", linkName: "../../etc/passwd" },
        { name: "a/layer.tar", body: "layer" },
      ]),
      100,
    ),
    open,
  );
  assert.deepEqual([...kept.keys()], ["a/layer.tar"]);
  assert.deepEqual([...contents.documents.keys()], ["manifest.json"]);
  assert.deepEqual([...contents.links], [[`${old}/layer.tar`, "a/layer.tar"], ["hard", "a/layer.tar"]]);
});

Deno.test("reading an archive that ends too soon, or is stopped, abandons the file under way", async () => {
  const archive = makeTar([{ name: "one", body: "1" }, { name: "two", body: new Uint8Array(5000) }]);
  const cut = keeping();
  await assert.rejects(readArchive(inPieces(archive.subarray(0, 3000), 512), cut.open), /in the middle of/);
  assert.deepEqual(cut.abandoned, ["two"]);
  const abort = new AbortController();
  const stopped = keeping();
  async function* until() {
    yield archive.subarray(0, 3000);
    abort.abort(new Error("enough"));
    yield archive.subarray(3000);
  }
  await assert.rejects(readArchive(until(), stopped.open, abort.signal), /enough/);
  assert.deepEqual(stopped.abandoned, ["two"]);
});

Deno.test("reading an archive refuses what would cost memory or has holes", async () => {
  const rejects = async (items: TarItem[], error: RegExp) =>
    await assert.rejects(readArchive(inPieces(makeTar(items), 1 << 20), keeping().open), error);
  await rejects([{ name: "x".repeat(5000), body: "" }], /name .* is too long/);
  const map = { "GNU.sparse.size": "1099511627776", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,2" };
  await rejects([{ name: "holes", body: "xy", pax: map }], /"holes" is sparse/);
  await rejects([{ name: "index.json", body: "", size: 2 ** 40 }], /has 1099511627776 bytes, more than/);
  async function* endless(): AsyncGenerator<Bytes> {
    const many = makeTar(Array.from({ length: 1000 }, (_, n) => ({ name: `${n}`, body: "" })), {
      end: "none",
    });
    for (;;) yield many;
  }
  await assert.rejects(readArchive(endless(), keeping().open), /more than 100000 entries/);
});

Deno.test("what is written is read again", async () => {
  const body = new TextEncoder().encode("a blob") as Bytes;
  const digest = "sha256:6b25cdb6e7a1f0a8d1d7cc2b9f1bcd0b6a6b8b37a1c6e0f0d4d8d9e1c7d53a10";
  const blob = { mediaType: "", digest, size: body.length, annotations: {} };
  const files: ArchiveFile[] = [{ path: "oci-layout", bytes: body }, {
    path: `blobs/${"x".repeat(150)}`,
    blob,
  }];
  const read = async function* () {
    yield body;
  };
  // The digest isn't the blob's: that is found when the last byte is there.
  await assert.rejects(Array.fromAsync(archiveBytes(files, read)), /is damaged: it has the digest/);
  const short = { ...blob, size: 100 };
  await assert.rejects(
    Array.fromAsync(archiveBytes([{ path: "b", blob: short }], read)),
    /is damaged: it has 6 bytes or more, not 100/,
  );
  const { kept, open } = keeping();
  const archive = concat(await Array.fromAsync(archiveBytes([{ path: "x".repeat(150), bytes: body }], read)));
  await readArchive(inPieces(archive, 7), open);
  assert.deepEqual([...kept], [["x".repeat(150), body]]);
});

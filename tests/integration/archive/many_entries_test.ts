/** A layer of a million entries: memory and time are bounded by what is on the way, not by how much there is. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { LayerWorkers } from "../../../lib/transfer/mod.ts";
import { Scratch } from "../../harness/mod.ts";
import { makeTar, type TarItem } from "../../harness/tar.ts";

const ENTRIES = 1_000_000;
/** Bytes that this process may grow by: two Workers, what is on the way between them, and 50,000 directories' times. */
const GROWTH = 150e6;
const MOST_SECONDS = 300;

const GROUP = 20;

/** A directory, files and links in it, all of one block: empty, as it is their number that counts. */
function group(): Uint8Array<ArrayBuffer> {
  const named = (count: number, item: (name: string) => TarItem) =>
    Array.from({ length: count }, (_, at) => item(`${dirOf(0)}/${at}`));
  return makeTar([
    { name: `${dirOf(0)}/`, type: "5", mode: 0o755 },
    ...named(14, (name) => ({ name })),
    ...named(3, (name) => ({ name: `${name}.hard`, type: "1", linkName: name })),
    ...named(2, (name) => ({ name: `${name}.soft`, type: "2", linkName: "0" })),
  ], { end: "none" });
}

const dirOf = (n: number) => `${n % 100}`.padStart(2, "0") + "/" + `${n}`.padStart(5, "0");

/** Puts the directory's name for the one that all entries of a {@linkcode group} have. Far faster than to make one. */
function rename(group: Uint8Array, n: number) {
  const name = new TextEncoder().encode(dirOf(n));
  for (let at = 0; at < group.length; at += 512) {
    group.set(name, at);
    if (group[at + 156] === 0x31) group.set(name, at + 157);
    group.fill(32, at + 148, at + 156);
    let sum = 0;
    for (let i = at; i < at + 512; i++) sum += group[i]!;
    for (let i = at + 153; i >= at + 148; i--, sum >>= 3) group[i] = 48 + (sum & 7);
  }
}

/** Writes it as one gzip member after another, so that all of it is never in memory. */
async function writeLayer(path: string) {
  using file = await Deno.open(path, { write: true, createNew: true });
  const one = group();
  assert.equal(one.length, GROUP * 512);
  const several = new Uint8Array(one.length * 100);
  for (let n = 0; n < ENTRIES / GROUP;) {
    for (let at = 0; at < several.length; at += one.length) {
      rename(one, n++);
      several.set(one, at);
    }
    await file.write(gzipSync(several, { level: 1 }));
  }
  await file.write(gzipSync(makeTar([])));
}

Deno.test("a layer of a million entries is unpacked in bounded memory, and all of it", async () => {
  await using scratch = await Scratch.make("shm");
  const file = scratch.join("layer");
  const dir = scratch.join("dir");
  await Deno.mkdir(dir);
  await writeLayer(file);
  await using workers = new LayerWorkers({ count: 2 });
  const before = Deno.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => most = Math.max(most, Deno.memoryUsage().rss), 20);
  try {
    const signal = AbortSignal.timeout(MOST_SECONDS * 1000);
    const job = { source: { file }, target: { dir, form: "overlay" as const }, mediaType: "" };
    const { entries } = await workers.run(job, { signal });
    assert.equal(entries, ENTRIES);
  } finally {
    clearInterval(watch);
  }
  const grown = most - before;
  assert.ok(grown < GROWTH, `grew by ${Math.round(grown / 1e6)} MB`);
  assert.deepEqual(
    [...Deno.readDirSync(`${dir}/99/49999`)].map(({ name }) => name).sort(),
    [
      ...Array.from({ length: 14 }, (_, n) => `${n}`),
      ...["0.hard", "0.soft", "1.hard", "1.soft", "2.hard"],
    ].sort(),
  );
  assert.equal((await Deno.stat(`${dir}/99/49999/2`)).nlink, 2);
});

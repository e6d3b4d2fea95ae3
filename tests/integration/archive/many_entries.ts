/** Unpacks a layer of a million entries below a given directory, in a process whose memory is nobody else's. Tells how it went. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { LayerWorkers } from "../../../lib/transfer/mod.ts";
import { makeTar, type TarItem } from "../../harness/tar.ts";

const ENTRIES = 1_000_000;
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

const [at = ""] = Deno.args;
const file = `${at}/layer`;
const dir = `${at}/dir`;
await Deno.mkdir(dir);
await writeLayer(file);
await using workers = new LayerWorkers({ count: 2 });
const before = Deno.memoryUsage().rss;
let most = before;
const watch = setInterval(() => most = Math.max(most, Deno.memoryUsage().rss), 20);
const signal = AbortSignal.timeout(MOST_SECONDS * 1000);
const job = { source: { file }, target: { dir, form: "overlay" as const }, mediaType: "" };
const { entries } = await workers.run(job, { signal });
clearInterval(watch);
const last = [...Deno.readDirSync(`${dir}/99/49999`)].map(({ name }) => name).sort();
const { nlink } = await Deno.stat(`${dir}/99/49999/2`);
console.log(JSON.stringify({ entries, grown: most - before, last, nlink }));

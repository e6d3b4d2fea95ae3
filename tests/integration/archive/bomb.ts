/** Unpacks a gzip bomb, in a process of its own; tells by how much that has grown. */
import { gzipSync } from "node:zlib";
import { concat, makeTar } from "../../harness/tar.ts";
import { Cage, unpackBytes } from "./support.ts";

const size = 300 << 20;

function makeBomb(): Uint8Array<ArrayBuffer> {
  const header = makeTar([{ name: "zeros", size }], { end: "none" });
  return new Uint8Array(gzipSync(concat([header, new Uint8Array(size)]), { level: 1 }));
}

await using cage = await Cage.make();
const bomb = makeBomb();
if (bomb.length > 4 << 20) throw new Error(`${bomb.length} bytes are no bomb`);
const before = Deno.memoryUsage().rss;
const { size: unpacked } = unpackBytes(bomb, cage.root, { step: 1 << 16 });
console.log(JSON.stringify({ size, unpacked, grown: Deno.memoryUsage().rss - before }));

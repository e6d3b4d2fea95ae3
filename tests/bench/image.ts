/** The image of the pull benchmark: five layers, about 255 MB gzip'd, 900 MB and 26,000 files unpacked. */
import { imageOfDirs, type Layout, type Scratch } from "../harness/mod.ts";

const layers = 5;
const smallFiles = 21_000;
const largeFiles = 5_000;
const smallSize = 4 << 10;
const largeSize = 160 << 10;

/** Makes it below `scratch`; the same bytes every time. */
export async function pullImage(scratch: Scratch): Promise<Layout> {
  const bytes = textual(8 << 20);
  const dirs: string[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const dir = scratch.join(`bench-layer${layer}`);
    await writeFiles(`${dir}/small`, smallFiles / layers, smallSize, bytes, layer);
    await writeFiles(`${dir}/large`, largeFiles / layers, largeSize, bytes, layer);
    dirs.push(dir);
  }
  const image = await imageOfDirs(scratch.join("bench-image"), dirs, ["--config.cmd", "/none"]);
  for (const dir of dirs) await Deno.remove(dir, { recursive: true });
  return image;
}

/** An image of `count` files of 1 KiB in one layer. */
export async function smallFilesImage(scratch: Scratch, count: number): Promise<Layout> {
  const dir = scratch.join("bench-many");
  await writeFiles(dir, count, 1 << 10, textual(1 << 20), 0);
  const image = await imageOfDirs(scratch.join("bench-many-image"), [dir], ["--config.cmd", "/none"]);
  await Deno.remove(dir, { recursive: true });
  return image;
}

async function writeFiles(
  dir: string,
  count: number,
  size: number,
  bytes: Uint8Array,
  seed: number,
): Promise<void> {
  for (let n = 0; n < count; n++) {
    const sub = `${dir}/${n % 64}`;
    if (n < 64) await Deno.mkdir(sub, { recursive: true });
    const at = (n * 7919 + seed * 104_729) % (bytes.length - size);
    const content = bytes.slice(at, at + size);
    new DataView(content.buffer).setUint32(0, n + seed * count); // no two files are the same
    await Deno.writeFile(`${sub}/${n}`, content);
  }
}

/** Bytes that gzip shrinks to about two sevenths, as it does with programs and text. */
function textual(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const random = generator(42);
  for (let at = 0; at < size; at += 64) {
    const noise = random() % 2 === 0;
    for (let n = at; n < Math.min(at + 64, size); n++) bytes[n] = noise ? 97 + random() % 16 : 32 + n % 64;
  }
  return bytes;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 20; // the lower bits of such a generator repeat soon
  };
}

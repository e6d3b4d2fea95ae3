/** A small image, with a layer long enough for what is long to take its own ways. */
import { imageOfDirs, type Layout, type Scratch } from "../../harness/mod.ts";

/** An image of one layer of 3 MiB that doesn't compress. */
export async function noiseImage(scratch: Scratch): Promise<Layout> {
  const dir = scratch.join("noise");
  await Deno.mkdir(dir);
  const noise = new Uint8Array(3 << 20);
  for (let at = 0; at < noise.length; at += 1 << 16) {
    crypto.getRandomValues(noise.subarray(at, at + (1 << 16)));
  }
  await Deno.writeFile(`${dir}/noise`, noise);
  return await imageOfDirs(scratch.join("noise-image"), [dir]);
}

/** Writes a hosts.toml. */
export async function writeHosts(dir: string, host: string, text: string): Promise<void> {
  await Deno.mkdir(`${dir}/${host}`, { recursive: true });
  await Deno.writeTextFile(`${dir}/${host}/hosts.toml`, text);
}

/** Disk use of a file tree, as `du` counts it: allocated blocks, each inode once. */
import type { Usage } from "./snapshotter.ts";

const blockSize = 512;

/** Disk use of everything below `path`, itself included. */
export async function diskUsage(path: string): Promise<Usage> {
  const seen = new Set<number>();
  let size = 0;
  const visit = async (at: string): Promise<void> => {
    const stat = await lstatIfThere(at);
    if (!stat || seen.has(stat.ino!)) return;
    seen.add(stat.ino!);
    size += (stat.blocks ?? 0) * blockSize;
    if (!stat.isDirectory) return;
    for await (const { name } of Deno.readDir(at)) await visit(`${at}/${name}`);
  };
  await visit(path);
  return { size, inodes: seen.size };
}

/** A running container's files come and go. */
async function lstatIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A btrfs file system of a test's own, in a file. */
import { must } from "./command.ts";

/** Makes one, mounted at the new directory `at`; a {@linkcode Scratch} above it takes it away. */
export async function mountBtrfs(at: string): Promise<void> {
  const image = `${at}.btrfs`;
  await must("truncate", ["--size", "512M", image]);
  await must("mkfs.btrfs", ["--quiet", image]);
  await Deno.mkdir(at);
  await must("mount", ["-o", "loop", image, at]);
}

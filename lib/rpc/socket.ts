/** Unix sockets that appear ready-made. */
import { dirname } from "node:path";

/** Whose a socket is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A socket with owner and mode set before anybody can reach it: bound in a closed directory, then renamed to
 * its place. A umask would do it too, but holds for the whole process, and for children that are being started.
 */
export async function placeSocket(
  path: string,
  { uid, gid }: Owner,
  bind: (path: string) => Promise<void>,
): Promise<void> {
  const closed = await Deno.makeTempDir({ dir: dirname(path), prefix: "." });
  try {
    const bound = `${closed}/s`;
    await bind(bound);
    await Deno.chmod(bound, 0o600);
    await Deno.chown(bound, uid, gid);
    await Deno.rename(bound, path);
  } finally {
    await Deno.remove(closed, { recursive: true });
  }
}

/** Removes a socket; one that is gone is fine. */
export async function removeSocket(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/**
 * FIFOs of a client that died: a process keeps them, so that another client can attach, and whoever removes the
 * process removes them.
 */

/** Removes a process's FIFOs where they are as clients of containerd make them: `DIR/ID-stdout`, and DIR, if empty then. */
export async function removeLeftFifos(
  id: string,
  streams: { readonly stdin: string; readonly stdout: string; readonly stderr: string },
): Promise<void> {
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    const path = streams[name];
    if (!path.startsWith("/") || !path.endsWith(`/${id}-${name}`)) continue;
    const { isFifo } = await Deno.lstat(path).catch(() => ({ isFifo: false }));
    if (!isFifo) continue;
    await Deno.remove(path).catch(() => {});
    await Deno.remove(path.slice(0, path.lastIndexOf("/"))).catch(() => {});
  }
}

/** Files and directories that a client asks for: only below directories of the daemon's own. */
import { unimplemented } from "../errors.ts";
import { closeFd, cstring, Open, openDirectory, openResolved, Resolve, succeed } from "../sys/mod.ts";

/** The open directory that something is to be made in, and its name there. */
export interface Place extends Disposable {
  readonly directory: number;
  readonly name: Uint8Array<ArrayBuffer>;
}

/**
 * The place of an absolute path below one of `roots`, reached without symlinks and never out of it. Throws
 * Unimplemented outside of all of them, as containerd does, and NotFound without its directory.
 */
export function placeOf(path: string, roots: readonly string[]): Place {
  const root = roots.find((root) => path.startsWith(root + "/"));
  const parts = path.slice((root?.length ?? 0) + 1).split("/").filter((part) => part !== "" && part !== ".");
  if (root === undefined || parts.length === 0 || parts.includes("..")) {
    throw unimplemented(`no root for ${JSON.stringify(path)} is configured`);
  }
  const name = cstring(parts.pop()!);
  const rootFd = openDirectory(root);
  if (parts.length === 0) return { directory: rootFd, name, [Symbol.dispose]: () => closeFd(rootFd) };
  try {
    const resolve = Resolve.IN_ROOT | Resolve.NO_SYMLINKS;
    const fd = openResolved(rootFd, cstring(parts.join("/")), Open.DIRECTORY, resolve);
    const directory = succeed(fd, `open the directory of ${path}`);
    return { directory, name, [Symbol.dispose]: () => closeFd(directory) };
  } finally {
    closeFd(rootFd);
  }
}

/**
 * Attributes for directories that a layer holds files in without describing them: overlayfs shows the upper
 * directory's attributes, so they have to be those of the directory below.
 */
import {
  chmodFd,
  chownFd,
  closeFd,
  Errno,
  FileType,
  getXattrAt,
  listXattrsAt,
  Open,
  openDirectory,
  openResolved,
  Resolve,
  setTimesFd,
  setXattrFd,
  statAt,
  succeed,
} from "../sys/mod.ts";
import { type ByteText, quote } from "./names.ts";
import { nul, split } from "./tree.ts";

const IN_ROOT = Resolve.IN_ROOT | Resolve.NO_MAGICLINKS;

/**
 * Gives the `impliedDirs` of an unpacked layer in `dir` the owner, mode, times and attributes that the nearest
 * of its parents' directories has for them. Where none has one, or hides it, they stay as they are.
 */
export function adoptParents(
  dir: string,
  parentDirs: readonly string[],
  impliedDirs: readonly ByteText[],
): void {
  if (impliedDirs.length === 0 || parentDirs.length === 0) return;
  const fds: number[] = [];
  try {
    for (const path of [dir, ...parentDirs]) fds.push(openDirectory(path));
    for (const path of impliedDirs) adopt(fds[0]!, fds.slice(1), path);
  } finally {
    fds.forEach(closeFd);
  }
}

function adopt(rootFd: number, parentFds: number[], path: ByteText) {
  const own = openResolved(rootFd, nul(path), Open.DIRECTORY | Open.NOFOLLOW, IN_ROOT);
  // Replaced by a later entry, which has brought attributes of its own.
  if (own === -Errno.ENOENT || own === -Errno.ENOTDIR || own === -Errno.ELOOP) return;
  succeed(own, `open ${quote(path)}`);
  try {
    for (const parentFd of parentFds) {
      const lower = openResolved(parentFd, nul(path), Open.DIRECTORY, IN_ROOT);
      if (lower >= 0) return copyAttributes(lower, own, path);
      if (lower !== -Errno.ENOENT || hidesRest(parentFd, path)) return;
    }
  } finally {
    closeFd(own);
  }
}

function copyAttributes(from: number, to: number, path: ByteText) {
  try {
    const stat = statAt(from);
    if (typeof stat === "number") return void succeed(stat, `stat ${quote(path)}`);
    succeed(chownFd(to, stat.uid, stat.gid), `chown ${quote(path)}`);
    for (const key of listXattrsAt(from, "")) {
      const value = key.startsWith("trusted.") ? undefined : getXattrAt(from, "", key);
      const code = value ? setXattrFd(to, key, value) : 0;
      if (code !== -Errno.EOPNOTSUPP) succeed(code, `set xattr ${quote(key)} of ${quote(path)}`);
    }
    succeed(chmodFd(to, stat.mode & ~FileType.MASK), `chmod ${quote(path)}`);
    succeed(setTimesFd(to, stat.mtime), `set times of ${quote(path)}`);
  } finally {
    closeFd(from);
  }
}

/** Whether a parent has an opaque directory above `path`, behind which no other parent is seen. */
function hidesRest(parentFd: number, path: ByteText): boolean {
  for (let [above] = split(path); above !== ""; [above] = split(above)) {
    const fd = openResolved(parentFd, nul(above), Open.DIRECTORY, IN_ROOT);
    if (fd < 0) continue;
    try {
      if (getXattrAt(fd, "", "trusted.overlay.opaque")?.[0] === 0x79) return true;
    } finally {
      closeFd(fd);
    }
  }
  return false;
}

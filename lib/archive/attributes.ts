/** Owner, extended attributes, mode and times of what an entry has made, in the order that keeps them all. */
import {
  chmodFd,
  chmodPathFd,
  chownAt,
  chownFd,
  chownPathFd,
  closeFd,
  Errno,
  FileType,
  listXattrsAt,
  Open,
  openAt,
  removeXattrFd,
  setTimesAt,
  setXattrAt,
  setXattrFd,
  statAt,
  succeed,
} from "../sys/mod.ts";
import type { Entry } from "./entry.ts";
import { type ByteText, quote } from "./names.ts";
import { isKept } from "./side.ts";
import { nul } from "./tree.ts";

const EOPNOTSUPP = Errno.EOPNOTSUPP;

/**
 * Sets attributes, leaving out calls that would change nothing: a new file is root's and has the mode it was
 * opened with, unless a set-group-ID bit or a default ACL of its directory has had a say.
 */
export class Attributes {
  /** Bits that a new file does not get by itself. */
  readonly #withheld = umask() | 0o7000;
  /** Whether directories may hand something down, so that nothing can be left out. */
  #inherited: boolean;

  constructor(options: { inherited: boolean }) {
    this.#inherited = options.inherited;
  }

  /** Sets owner, xattrs and mode of an open file or directory, `made` by this entry or there before. */
  ofFd(fd: number, entry: Entry, made: boolean): void {
    const all = this.#inherited || !made;
    if (all || entry.uid !== 0 || entry.gid !== 0) succeed(chownFd(fd, entry.uid, entry.gid), "chown");
    if (!made) removeStale(fd, entry);
    if (entry.xattrs) this.#xattrs(entry, (key, value) => setXattrFd(fd, key, value));
    if (all || entry.mode & this.#withheld || entry.xattrs) succeed(chmodFd(fd, entry.mode), "chmod");
    if (entry.type === "directory" && entry.mode & 0o2000) this.#inherited = true;
  }

  /** Sets everything of a symlink. */
  ofSymlink(dirFd: number, name: ByteText, entry: Entry): void {
    if (this.#inherited || entry.uid !== 0 || entry.gid !== 0) {
      succeed(chownAt(dirFd, nul(name), entry.uid, entry.gid), "chown");
    }
    if (entry.xattrs) this.#xattrs(entry, (key, value) => setXattrAt(dirFd, name, key, value));
    succeed(setTimesAt(dirFd, nul(name), entry.mtime), "set times");
  }

  /** Sets everything of a device, a FIFO or a hard link, which aren't opened for it. */
  ofNode(dirFd: number, name: ByteText, entry: Entry): void {
    const fd = succeed(openAt(dirFd, nul(name), Open.PATH | Open.NOFOLLOW), "open");
    try {
      const stat = statAt(fd);
      if (typeof stat === "number") return void succeed(stat, "stat");
      succeed(chownPathFd(fd, entry.uid, entry.gid), "chown");
      if (entry.xattrs) this.#xattrs(entry, (key, value) => setXattrAt(dirFd, name, key, value));
      if ((stat.mode & FileType.MASK) !== FileType.SYMLINK) {
        succeed(chmodPathFd(fd, entry.mode), "chmod");
      }
      succeed(setTimesAt(dirFd, nul(name), entry.mtime), "set times");
    } finally {
      closeFd(fd);
    }
  }

  /** `trusted.*` is the system's own and never an image's; what the file system can't hold is left out. */
  #xattrs(entry: Entry, set: (key: ByteText, value: Uint8Array<ArrayBuffer>) => number) {
    for (const [key, value] of entry.xattrs!) {
      if (key.startsWith("trusted.")) continue;
      if (key === "system.posix_acl_default") this.#inherited = true;
      const code = set(key, value);
      const userOnSpecial = code === -Errno.EPERM && key.startsWith("user.") && entry.type !== "file" &&
        entry.type !== "directory";
      if (code !== -EOPNOTSUPP && !userOnSpecial) succeed(code, `set xattr ${quote(key)}`);
    }
  }
}

/** An entry replaces all attributes of a directory that is there (OCI image spec, "Applying Changesets"). */
function removeStale(fd: number, entry: Entry) {
  for (const key of listXattrsAt(fd, "")) {
    if (isKept(key) && !entry.xattrs?.has(key)) succeed(removeXattrFd(fd, key), `remove xattr ${quote(key)}`);
  }
}

function umask(): number {
  const line = /^Umask:\s*([0-7]+)/m.exec(Deno.readTextFileSync("/proc/self/status"));
  return line ? parseInt(line[1]!, 8) : 0o777;
}

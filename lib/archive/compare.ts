/** Whether a file is the same in two trees. */
import { closeFd, type FileStat, FileType, Open, openAt, readInto, readLinkAt, succeed } from "../sys/mod.ts";
import { idWithin, type Owners, xattrsWithin } from "./owners.ts";
import { type ByteText, quote } from "./names.ts";
import { type Found, isDirectory, keptXattrs, typeOf } from "./side.ts";
import { nul } from "./tree.ts";

const PIECE = 1 << 18;
const one = new Uint8Array(PIECE);
const two = new Uint8Array(PIECE);

/** How the ids of two trees are read. */
export interface BothOwners {
  readonly lower?: Owners;
  readonly upper?: Owners;
}

/**
 * Whether `a` of one directory and `b` of another are the same in all that a layer holds of them. Files of the same
 * length and time are read if the time is a whole second: then it was set, by tar for example, and says little.
 */
export function isSame(aFd: number, a: Found, bFd: number, b: Found, owners: BothOwners): boolean {
  if (a.stat.inode === b.stat.inode && a.stat.filesystem === b.stat.filesystem) return true;
  if (!sameStat(a.stat, b.stat) || !sameOwners(a.stat, b.stat, owners)) return false;
  const before = xattrsWithin(owners.lower, keptXattrs(aFd, a.name));
  if (!sameXattrs(before, xattrsWithin(owners.upper, keptXattrs(bFd, b.name)))) return false;
  const type = typeOf(a.stat);
  if (type === FileType.SYMLINK) return readLinkAt(aFd, nul(a.name)) === readLinkAt(bFd, nul(b.name));
  return type !== FileType.REGULAR || b.stat.mtime.nanos !== 0 || sameContent(aFd, bFd, b.name);
}

function sameOwners(a: FileStat, b: FileStat, { lower, upper }: BothOwners): boolean {
  const same = (kind: "uids" | "gids", before: number, after: number) => {
    const id = idWithin(upper, kind, after);
    // Nobody is a change, so that it is told of when the file is packed.
    return id !== undefined && id === idWithin(lower, kind, before);
  };
  return same("uids", a.uid, b.uid) && same("gids", a.gid, b.gid);
}

function sameStat(a: FileStat, b: FileStat): boolean {
  if (a.mode !== b.mode) return false;
  if (a.mtime.seconds !== b.mtime.seconds || a.mtime.nanos !== b.mtime.nanos) return false;
  if (isDirectory(a)) return true;
  // A name more or less for the same file is a change too.
  if (a.links !== b.links || a.size !== b.size) return false;
  const device = typeOf(a) === FileType.CHAR || typeOf(a) === FileType.BLOCK;
  return !device || (a.device.major === b.device.major && a.device.minor === b.device.minor);
}

function sameXattrs(a: Map<ByteText, Uint8Array>, b: Map<ByteText, Uint8Array>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (!other || !sameBytes(value, other, value.length, other.length)) return false;
  }
  return true;
}

function sameContent(aFd: number, bFd: number, name: ByteText): boolean {
  const open = (dirFd: number) =>
    succeed(openAt(dirFd, nul(name), Open.NOFOLLOW | Open.NONBLOCK), `open ${quote(name)}`);
  const a = open(aFd);
  try {
    const b = open(bFd);
    try {
      for (;;) {
        const [n, m] = [fill(a, one, name), fill(b, two, name)];
        if (!sameBytes(one, two, n, m)) return false;
        if (n === 0) return true;
      }
    } finally {
      closeFd(b);
    }
  } finally {
    closeFd(a);
  }
}

function fill(fd: number, into: Uint8Array<ArrayBuffer>, name: ByteText): number {
  let filled = 0;
  while (filled < into.length) {
    const n = succeed(readInto(fd, into.subarray(filled)), `read ${quote(name)}`);
    if (n === 0) break;
    filled += n;
  }
  return filled;
}

function sameBytes(a: Uint8Array, b: Uint8Array, aLength: number, bLength: number): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

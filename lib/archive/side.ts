/**
 * One of the two trees that a layer is the difference of, looked at by open directories: every name is handled in
 * its open parent, no symlink is followed, so that nothing outside of the tree is ever read.
 *
 * A tree is read as it is mounted ("plain"), or as overlayfs keeps it in an upper directory ("overlay"; kernel
 * Documentation/filesystems/overlayfs.rst), where deletions are files of their own.
 */
import {
  Errno,
  type FileStat,
  FileType,
  getXattrAt,
  listDirectoryFd,
  listXattrsAt,
  Open,
  openAt,
  statAt,
  succeed,
} from "../sys/mod.ts";
import { type ByteText, quote } from "./names.ts";
import { isWhiteout, nul } from "./tree.ts";

/** Names of the attributes that hold what overlayfs knows of a file: the system's, or a user's own mount's. */
const OVERLAY = ["trusted.overlay.", "user.overlay."];

/** An upper directory that says less than what is mounted shows: it has to be read through a mount. */
export class NeedsMountError extends Error {}

/** One file of a tree. */
export interface Found {
  readonly name: ByteText;
  readonly stat: FileStat;
}

export const typeOf = ({ mode }: FileStat) => mode & FileType.MASK;
export const isDirectory = (stat: FileStat) => typeOf(stat) === FileType.DIRECTORY;

/** Sockets are no files that an archive could hold: they count as absent. */
export const isSocket = (stat: FileStat) => typeOf(stat) === 0o140000;

/** A file of an open directory, or undefined if it isn't there or is a socket. */
export function lookUp(dirFd: number, name: ByteText): Found | undefined {
  const found = find(dirFd, name);
  return found && isSocket(found.stat) ? undefined : found;
}

function find(dirFd: number, name: ByteText): Found | undefined {
  const stat = statAt(dirFd, nul(name));
  if (typeof stat !== "number") return { name, stat };
  if (stat !== -Errno.ENOENT) succeed(stat, `stat ${quote(name)}`);
  return undefined;
}

/** What is in an open directory, sockets too, ordered by the bytes of the names. */
export function* filesIn(dirFd: number): Generator<Found> {
  for (const name of listDirectoryFd(dirFd).sort(byBytes)) {
    // Gone since it was listed: a container may be running on it.
    const found = find(dirFd, name);
    if (found) yield found;
  }
}

const byBytes = (a: ByteText, b: ByteText) => a < b ? -1 : a > b ? 1 : 0;

/** Opens a directory by its name in an open one. */
export const openChild = (dirFd: number, name: ByteText) =>
  succeed(openAt(dirFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW), `open ${quote(name)}`);

/**
 * The extended attributes that belong into a layer: capabilities, access lists and the users' own. Security labels
 * are this host's, `trusted.*` is the system's and overlayfs's.
 */
export function keptXattrs(dirFd: number, name: ByteText): Map<ByteText, Uint8Array<ArrayBuffer>> {
  const kept = new Map<ByteText, Uint8Array<ArrayBuffer>>();
  for (const key of listXattrsAt(dirFd, name).filter(isKept).sort(byBytes)) {
    const value = getXattrAt(dirFd, name, key);
    if (value) kept.set(key, value);
  }
  return kept;
}

const keptNames = new Set(["security.capability", "system.posix_acl_access", "system.posix_acl_default"]);
/** Whether an attribute belongs into a layer. */
export const isKept = (key: ByteText) =>
  keptNames.has(key) || (key.startsWith("user.") && !key.startsWith("user.overlay."));

/** What overlayfs says of a file in an upper directory. */
export interface Marks {
  /** It stands for the absence of what is below. */
  readonly whiteout: boolean;
  /** A directory that hides all that is below. */
  readonly opaque: boolean;
}

/** Reads overlayfs's marks. Throws {@linkcode NeedsMountError} where file or directory are not all in one place. */
export function marksOf(dirFd: number, { name, stat }: Found): Marks {
  if (isWhiteout(stat)) return { whiteout: true, opaque: false };
  let whiteout = false;
  let opaque = false;
  for (const key of listXattrsAt(dirFd, name)) {
    const mark = markIn(key);
    if (mark === "metacopy" || mark === "redirect") {
      throw new NeedsMountError(`${quote(name)} is kept by overlayfs with ${key}`);
    }
    // Since Linux 6.7 a whiteout may be an empty file with an attribute, and the directory's "opaque" is "x" then.
    if (mark === "whiteout") whiteout = typeOf(stat) === FileType.REGULAR && stat.size === 0;
    if (mark === "opaque") opaque = getXattrAt(dirFd, name, key)?.[0] === 0x79;
  }
  return { whiteout, opaque: opaque && isDirectory(stat) };
}

function markIn(key: ByteText): string | undefined {
  const prefix = OVERLAY.find((prefix) => key.startsWith(prefix));
  return prefix && key.slice(prefix.length);
}

/**
 * Compares two file trees that ought to be the same: types, modes, owners, sizes, xattrs, link targets, devices and
 * content. Times are not compared. Synchronous work, for a Worker.
 */
import { Buffer } from "node:buffer";
import {
  closeFd,
  type FileStat,
  FileType,
  getXattrAt,
  listDirectoryFd,
  listXattrsAt,
  Open,
  openAt,
  openDirectory,
  readLinkAt,
  statAt,
  succeed,
} from "../sys/mod.ts";
import { type ByteText, quote } from "./names.ts";
import { join, nul } from "./tree.ts";

/** One difference, in words. */
export interface Difference {
  readonly path: string;
  readonly what: string;
}

/** xattrs that overlayfs writes for itself; only the opaque mark is a layer's. */
const ownXattr = /^trusted\.overlay\.(?!opaque$)/;
const chunk = 1 << 18;

/** Differences of the tree `found` from `expected`, at most `limit` of them. Throws SystemErrors. */
export function differences(expected: string, found: string, limit = 20): Difference[] {
  const [one, other] = [openDirectory(expected), openDirectory(found)];
  const all: Difference[] = [];
  try {
    for (const difference of compareRoots(one, other)) {
      all.push(difference);
      if (all.length >= limit) break;
    }
  } finally {
    closeFd(one);
    closeFd(other);
  }
  return all;
}

function* compareRoots(one: number, other: number): Generator<Difference> {
  yield* compareAttributes(statOf(other, "."), statOf(one, "."), ".");
  yield* compareXattrs(one, other, ".", ".");
  yield* compareDirectories(one, other, "");
}

function* compareDirectories(one: number, other: number, path: ByteText): Generator<Difference> {
  const there = new Set(listDirectoryFd(other));
  for (const name of listDirectoryFd(one)) {
    const at = join(path, name);
    if (!there.delete(name)) yield told(at, "is missing");
    else yield* compareEntries(one, other, name, at);
  }
  for (const name of there) yield told(join(path, name), "is not in the layer");
}

function* compareEntries(one: number, other: number, name: ByteText, path: ByteText): Generator<Difference> {
  const [is, should] = [statOf(other, name), statOf(one, name)];
  const type = is.mode & FileType.MASK;
  if (type !== (should.mode & FileType.MASK)) return yield told(path, "has another type");
  yield* compareAttributes(is, should, path);
  yield* compareXattrs(one, other, name, path);
  if (type === FileType.SYMLINK) {
    if (readLinkAt(one, nul(name)) !== readLinkAt(other, nul(name))) yield told(path, "leads elsewhere");
  } else if (type === FileType.REGULAR || type === FileType.DIRECTORY) {
    yield* inside(one, other, name, path, type, should.size);
  } else if (is.device.major !== should.device.major || is.device.minor !== should.device.minor) {
    yield told(path, "is another device");
  }
}

/** Opens both and goes on: into the directories, through the bytes of the files. */
function* inside(
  one: number,
  other: number,
  name: ByteText,
  path: ByteText,
  type: number,
  size: number,
): Generator<Difference> {
  const flags = Open.READ | Open.NOFOLLOW | (type === FileType.DIRECTORY ? Open.DIRECTORY : 0);
  const own = succeed(openAt(one, nul(name), flags), `open ${quote(path)}`);
  const opened = openAt(other, nul(name), flags);
  try {
    if (opened < 0) yield told(path, "can't be read");
    else if (type === FileType.DIRECTORY) yield* compareDirectories(own, opened, path);
    else if (!sameBytes(own, opened, size)) yield told(path, "has other content");
  } finally {
    closeFd(own);
    if (opened >= 0) closeFd(opened);
  }
}

function statOf(dirFd: number, name: ByteText): FileStat {
  const stat = statAt(dirFd, nul(name));
  if (typeof stat === "number") succeed(stat, `stat ${quote(name)}`);
  return stat as FileStat;
}

function* compareAttributes(is: FileStat, should: FileStat, path: ByteText): Generator<Difference> {
  const mode = (stat: FileStat) => (stat.mode & 0o7777).toString(8).padStart(4, "0");
  if (mode(is) !== mode(should)) yield told(path, `has the mode ${mode(is)}, not ${mode(should)}`);
  if (is.uid !== should.uid || is.gid !== should.gid) {
    yield told(path, `belongs to ${is.uid}:${is.gid}, not ${should.uid}:${should.gid}`);
  }
  const isFile = (is.mode & FileType.MASK) === FileType.REGULAR;
  if (isFile && is.size !== should.size) yield told(path, `has ${is.size} bytes, not ${should.size}`);
  if (isFile && is.links !== should.links) {
    yield told(path, `has ${is.links} hard links, not ${should.links}`);
  }
}

function* compareXattrs(one: number, other: number, name: ByteText, path: ByteText): Generator<Difference> {
  const keys = (dirFd: number) => listXattrsAt(dirFd, name).filter((key) => !ownXattr.test(key));
  const there = new Set(keys(other));
  for (const key of keys(one)) {
    if (!there.delete(key)) yield told(path, `lacks the xattr ${key}`);
    else if (!equal(getXattrAt(one, name, key), getXattrAt(other, name, key))) {
      yield told(path, `has another value of the xattr ${key}`);
    }
  }
  for (const key of there) yield told(path, `has an xattr ${key} that the layer has not`);
}

const equal = (one: Uint8Array = new Uint8Array(), other: Uint8Array = new Uint8Array()) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

const buffers = [Buffer.alloc(chunk), Buffer.alloc(chunk)] as const;

/** A file that the disk doesn't give is not the same. */
function sameBytes(one: number, other: number, size: number): boolean {
  using first = Deno.openSync(`/proc/self/fd/${one}`);
  using second = Deno.openSync(`/proc/self/fd/${other}`);
  for (let done = 0; done < size;) {
    const n = fill(first, buffers[0], size - done);
    let m: number;
    try {
      m = fill(second, buffers[1], size - done);
    } catch {
      return false;
    }
    if (n !== m || n === 0) return false;
    if (buffers[0].compare(buffers[1], 0, n, 0, n) !== 0) return false;
    done += n;
  }
  return true;
}

function fill(file: Deno.FsFile, buffer: Buffer, most: number): number {
  let done = 0;
  const end = Math.min(buffer.length, most);
  for (let n; done < end && (n = file.readSync(buffer.subarray(done, end))); done += n);
  return done;
}

const told = (path: ByteText, what: string): Difference => ({ path: quote(path), what });

/**
 * A directory that is being filled, addressed by open directories. Every path is resolved by the kernel with
 * this directory as the root (openat2, RESOLVE_IN_ROOT), so that no symlink, in the archive or slipped in by
 * somebody meanwhile, leads out of it; the last component is always handled by name in its open parent.
 */
import {
  chmodFd,
  closeFd,
  CName,
  Errno,
  type FileStat,
  FileType,
  listDirectoryFd,
  makeDirectoryAt,
  Open,
  openAt,
  openDirectory,
  openResolved,
  readLinkAt,
  removeDirectoryAt,
  Resolve,
  statAt,
  succeed,
  SystemError,
  unlinkAt,
} from "../sys/mod.ts";
import type { ByteText } from "./names.ts";

const MOST_OPEN = 256;
const MOST_LINKS = 40;
const IMPLIED_MODE = 0o755;

const cname = new CName();
const other = new CName();

/** A name for the kernel, good until the next call. */
export const nul = (name: ByteText) => cname.set(name);
/** A second name beside {@linkcode nul}. */
export const nul2 = (name: ByteText) => other.set(name);

/** Splits off the last component. */
export function split(path: ByteText): [directory: ByteText, name: ByteText] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

export class Tree implements Disposable {
  readonly rootFd: number;
  /** Directories made because something was to be put into them; paths from the root without symlinks. */
  readonly implied: ByteText[] = [];
  /** Asked when a file stands where a directory must be; true if it has made room. */
  readonly makeRoom: (dirFd: number, name: ByteText) => boolean;
  readonly #rootPath: ByteText;
  readonly #open = new Map<ByteText, number>();
  readonly #paths = new Map<number, ByteText>();
  #stale: number[] = [];

  constructor(root: string, makeRoom: (dirFd: number, name: ByteText) => boolean) {
    this.rootFd = openDirectory(root);
    this.#rootPath = pathOf(this.rootFd);
    this.makeRoom = makeRoom;
  }

  /** Closes what is no longer needed. Descriptors got before are invalid afterwards. */
  trim(): void {
    if (this.#open.size > MOST_OPEN) this.forget();
    if (this.#stale.length === 0) return;
    for (const fd of this.#stale) {
      this.#paths.delete(fd);
      closeFd(fd);
    }
    this.#stale = [];
  }

  /** Forgets all open directories, since paths may have got another meaning. They stay open until `trim`. */
  forget(): void {
    this.#stale.push(...this.#open.values());
    this.#open.clear();
  }

  /** Remembers an open directory by the path that led to it; it belongs to the tree then. */
  keep(path: ByteText, fd: number): void {
    const old = this.#open.get(path);
    if (old !== undefined) this.#stale.push(old);
    this.#open.set(path, fd);
  }

  /** The directory at `path`, or a negative error number. */
  existing(path: ByteText): number {
    if (path === "") return this.rootFd;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const fd = openResolved(this.rootFd, nul(path), Open.DIRECTORY, Resolve.IN_ROOT | Resolve.NO_MAGICLINKS);
    if (fd >= 0) this.#open.set(path, fd);
    return fd;
  }

  /** The directory at `path`; what is missing of it is made. */
  directory(path: ByteText, links = 0): number {
    const fd = this.existing(path);
    if (fd >= 0) return fd;
    if (fd !== -Errno.ENOENT && fd !== -Errno.ENOTDIR) succeed(fd, "open its directory");
    const [parent, name] = split(path);
    const parentFd = this.directory(parent, links);
    this.#make(parentFd, name, parent, links);
    return succeed(this.existing(path), "open its directory");
  }

  #make(parentFd: number, name: ByteText, parent: ByteText, links: number) {
    const made = makeDirectoryAt(parentFd, nul(name), IMPLIED_MODE);
    if (made >= 0) return this.#markImplied(parentFd, name);
    if (made !== -Errno.EEXIST) succeed(made, "make its directory");
    const target = readLinkAt(parentFd, nul(name));
    if (target === undefined) {
      if (this.makeRoom(parentFd, name)) this.#make(parentFd, name, parent, links);
      return;
    }
    // A symlink to nowhere: what it names is made, inside this root.
    if (links >= MOST_LINKS) throw new SystemError("resolve its directory", Errno.ELOOP);
    const bare = target.replace(/\/+$/, "");
    this.directory(target.startsWith("/") ? bare.replace(/^\/+/, "") : join(parent, bare), links + 1);
  }

  #markImplied(parentFd: number, name: ByteText) {
    const fd = succeed(openAt(parentFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW), "open its directory");
    try {
      succeed(chmodFd(fd, IMPLIED_MODE), "chmod its directory");
      this.implied.push(this.pathOf(fd, { remember: false }));
    } finally {
      closeFd(fd);
    }
  }

  /** Where an open directory is, from the root, free of symlinks. */
  pathOf(fd: number, { remember = true } = {}): ByteText {
    if (fd === this.rootFd) return "";
    let path = this.#paths.get(fd);
    if (path === undefined) {
      path = pathOf(fd).slice(this.#rootPath === "/" ? 1 : this.#rootPath.length + 1);
      if (remember) this.#paths.set(fd, path);
    }
    return path;
  }

  /** Removes `name` and all in it; nothing if it isn't there. */
  remove(dirFd: number, name: ByteText): void {
    this.forget();
    removeAll(dirFd, name);
  }

  /** The attributes of `name`, or undefined if it isn't there. */
  stat(dirFd: number, name: ByteText): FileStat | undefined {
    const stat = statAt(dirFd, nul(name));
    if (typeof stat !== "number") return stat;
    if (stat !== -Errno.ENOENT) succeed(stat, "stat");
    return undefined;
  }

  [Symbol.dispose](): void {
    this.forget();
    this.trim();
    closeFd(this.rootFd);
  }
}

export const join = (directory: ByteText, name: ByteText) => directory === "" ? name : `${directory}/${name}`;

function pathOf(fd: number): ByteText {
  const path = readLinkAt(-100, nul(`/proc/self/fd/${fd}`));
  if (path === undefined) throw new SystemError("readlink /proc/self/fd", Errno.ENOENT);
  return path;
}

function removeAll(dirFd: number, name: ByteText) {
  const removed = unlinkAt(dirFd, nul(name));
  if (removed >= 0 || removed === -Errno.ENOENT) return;
  if (removed !== -Errno.EISDIR) succeed(removed, "remove what was there");
  const fd = succeed(openAt(dirFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW), "open what was there");
  try {
    for (const child of listDirectoryFd(fd)) removeAll(fd, child);
  } finally {
    closeFd(fd);
  }
  succeed(removeDirectoryAt(dirFd, nul(name)), "remove what was there");
}

/** Whether a file is what overlayfs takes for a whiteout: a character device 0:0. */
export const isWhiteout = (stat: FileStat) =>
  (stat.mode & FileType.MASK) === FileType.CHAR && stat.device.major === 0 && stat.device.minor === 0;

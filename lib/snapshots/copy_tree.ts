/**
 * Copying a file tree as it is: owners, modes, times, extended attributes, hard links inside it, devices, FIFOs
 * and sockets, sparse files. Every file is handled by name in its open directory; no symlink is followed.
 */
import {
  chmodFd,
  chmodPathFd,
  chownAt,
  chownFd,
  closeFd,
  CName,
  Errno,
  type FileStat,
  FileType,
  getXattrAt,
  linkAt,
  listDirectoryFd,
  listXattrsAt,
  listXattrsFd,
  makeDirectoryAt,
  makeNodeAt,
  Open,
  openAt,
  openDirectory,
  readLinkAt,
  setTimesAt,
  setTimesFd,
  setXattrAt,
  statAt,
  succeed,
  symlinkAt,
  SystemError,
} from "../sys/mod.ts";
import { FileCopier } from "./copy_file.ts";
import { Turns } from "./pause.ts";

/** A name whose characters are bytes (0-255). */
type ByteName = string;

const cname = new CName();
const other = new CName();
const typeOf = ({ mode }: FileStat) => mode & FileType.MASK;

/**
 * Copies everything in the directory `from`, and its own attributes, to the empty directory `to` on the same
 * file system. Other work goes on meanwhile. Throws a SystemError for what the kernel refuses, a full disk say.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  using roots = new Roots(from, to);
  // What the directory above hands down must not reach what is made in here.
  succeed(chownFd(roots.to, 0, 0), "chown");
  succeed(chmodFd(roots.to, 0o700), "chmod");
  await new TreeCopy(roots.to).directory(roots.from, roots.to, "");
}

class Roots implements Disposable {
  readonly from: number;
  readonly to: number;

  constructor(from: string, to: string) {
    this.from = openDirectory(from);
    try {
      this.to = openDirectory(to);
    } catch (error) {
      closeFd(this.from);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.from);
    closeFd(this.to);
  }
}

class TreeCopy {
  readonly #root: number;
  readonly #files = new FileCopier();
  readonly #turns = new Turns();
  /** Where files with several names have got their first one. */
  readonly #linked = new Map<string, ByteName>();

  constructor(root: number) {
    this.#root = root;
  }

  /** Copies what is in an open directory, then its attributes. `path` is its place below the root. */
  async directory(from: number, to: number, path: ByteName): Promise<void> {
    for (const name of listDirectoryFd(from)) {
      if (this.#turns.over()) await this.#turns.next();
      const stat = statOf(from, name);
      const waited = this.#one(from, to, name, path ? `${path}/${name}` : name, stat);
      if (waited) await waited;
    }
    const stat = statOf(from, "");
    attributes(from, to, "", listXattrsFd(from));
    setOwnerAndMode(to, stat);
    succeed(setTimesFd(to, stat.mtime), "set times");
  }

  #one(from: number, to: number, name: ByteName, path: ByteName, stat: FileStat): Promise<void> | undefined {
    const type = typeOf(stat);
    if (type === FileType.DIRECTORY) return this.#child(from, to, name, path);
    if (stat.links > 1 && this.#link(to, name, path, stat)) return undefined;
    if (type === FileType.REGULAR) return this.#file(from, to, name, stat);
    if (type === FileType.SYMLINK) symlink(from, to, name, stat);
    else node(from, to, name, stat);
    return undefined;
  }

  async #child(from: number, to: number, name: ByteName, path: ByteName): Promise<void> {
    succeed(makeDirectoryAt(to, cname.set(name), 0o700), "mkdir");
    using both = pair(from, to, name);
    await this.directory(both.from, both.to, path);
  }

  /** Another name for what has been copied already. */
  #link(to: number, name: ByteName, path: ByteName, { filesystem, inode }: FileStat): boolean {
    const key = `${filesystem}:${inode}`;
    const first = this.#linked.get(key);
    if (first === undefined) this.#linked.set(key, path);
    else succeed(linkAt(this.#root, cname.set(first), to, other.set(name)), "link");
    return first !== undefined;
  }

  #file(from: number, to: number, name: ByteName, stat: FileStat): Promise<void> | undefined {
    const [source, target] = openFiles(from, to, name);
    const end = () => {
      closeFd(source);
      closeFd(target);
    };
    const finish = () => {
      // Writing drops set-user-ID bits and capabilities, and a change of owner does too.
      setOwnerAndMode(target, stat);
      attributes(from, to, name, listXattrsFd(source));
      succeed(setTimesFd(target, stat.mtime), "set times");
    };
    let waiting: Promise<void> | undefined;
    try {
      waiting = this.#files.copy(source, target, stat)?.then(finish).finally(end);
      if (!waiting) finish();
      return waiting;
    } finally {
      if (!waiting) end();
    }
  }
}

function openFiles(from: number, to: number, name: ByteName): [number, number] {
  const source = succeed(openAt(from, cname.set(name), Open.READ | Open.NOFOLLOW), "open");
  const target = openAt(to, cname.set(name), Open.WRITE | Open.CREATE | Open.EXCLUSIVE, 0o600);
  if (target < 0) closeFd(source);
  return [source, succeed(target, "create")];
}

/** The directories of one name in two open ones. */
function pair(from: number, to: number, name: ByteName): Disposable & { from: number; to: number } {
  const flags = Open.DIRECTORY | Open.NOFOLLOW;
  const source = succeed(openAt(from, cname.set(name), flags), "open directory");
  const target = openAt(to, cname.set(name), flags);
  if (target < 0) closeFd(source);
  succeed(target, "open directory");
  const close = () => {
    closeFd(source);
    closeFd(target);
  };
  return { from: source, to: target, [Symbol.dispose]: close };
}

function symlink(from: number, to: number, name: ByteName, stat: FileStat): void {
  const target = readLinkAt(from, cname.set(name));
  if (target === undefined) throw new SystemError("read link", Errno.ENOENT);
  succeed(symlinkAt(other.set(target), to, cname.set(name)), "symlink");
  succeed(chownAt(to, cname.set(name), stat.uid, stat.gid), "chown");
  attributes(from, to, name);
  succeed(setTimesAt(to, cname.set(name), stat.mtime), "set times");
}

/** A device, FIFO or socket. */
function node(from: number, to: number, name: ByteName, stat: FileStat): void {
  const { mode, device, uid, gid, mtime } = stat;
  succeed(makeNodeAt(to, cname.set(name), mode, device), "mknod");
  succeed(chownAt(to, cname.set(name), uid, gid), "chown");
  const fd = succeed(openAt(to, cname.set(name), Open.PATH | Open.NOFOLLOW), "open");
  try {
    succeed(chmodPathFd(fd, mode & 0o7777), "chmod");
  } finally {
    closeFd(fd);
  }
  attributes(from, to, name);
  succeed(setTimesAt(to, cname.set(name), mtime), "set times");
}

function setOwnerAndMode(fd: number, { uid, gid, mode }: FileStat): void {
  // What was just made is root's: its directory gets its own attributes, a set-group-ID bit say, only at its end.
  if (uid !== 0 || gid !== 0) succeed(chownFd(fd, uid, gid), "chown");
  succeed(chmodFd(fd, mode & 0o7777), "chmod");
}

/** Security labels other than capabilities are the host's own: it may refuse them. */
function mayFail(key: ByteName): boolean {
  return key.startsWith("security.") && key !== "security.capability";
}

function attributes(
  from: number,
  to: number,
  name: ByteName,
  keys: readonly string[] = listXattrsAt(from, name),
): void {
  for (const key of keys) {
    const value = getXattrAt(from, name, key);
    if (value === undefined) continue;
    const code = setXattrAt(to, name, key, value);
    if (code < 0 && !mayFail(key)) succeed(code, `set xattr ${key}`);
  }
}

function statOf(dirFd: number, name: ByteName): FileStat {
  const stat = statAt(dirFd, cname.set(name));
  if (typeof stat === "number") throw new SystemError("stat", -stat);
  return stat;
}

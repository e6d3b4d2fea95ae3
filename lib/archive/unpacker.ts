/** Turns the entries of a layer into files. */
import { CtrError, invalidArgument, messageOf } from "../errors.ts";
import {
  addressOf,
  closeFd,
  Errno,
  FileType,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  Open,
  openAt,
  setTimesFd,
  statAt,
  succeed,
  symlinkAt,
  SystemError,
  truncateFd,
  unlinkAt,
  writeAll,
  writeAllAt,
} from "../sys/mod.ts";
import { Attributes } from "./attributes.ts";
import type { Entry, EntrySink } from "./entry.ts";
import { type ByteText, cleanName, quote } from "./names.ts";
import { nul, nul2, split, Tree } from "./tree.ts";
import {
  applyWhiteout,
  type Form,
  hidesLower,
  isWhiteoutName,
  markOpaque,
  overlayWhiteouts,
  plainWhiteouts,
  type Whiteouts,
} from "./whiteouts.ts";

const CREATE = Open.WRITE | Open.CREATE | Open.EXCLUSIVE | Open.NOFOLLOW;
const nodeTypes = { char: FileType.CHAR, block: FileType.BLOCK, fifo: FileType.FIFO };

/**
 * Writes entries under `root`. What is there already is replaced, except a directory by a directory, which
 * keeps its content. Errors name the entry and the reason; what has been written until then stays.
 */
export class Unpacker implements EntrySink, Disposable {
  readonly #form: Form;
  readonly #tree: Tree;
  readonly #whiteouts: Whiteouts;
  readonly #attributes: Attributes;
  /** Directories' times are set at the end, since each file made in one changes them. */
  readonly #times = new Map<ByteText, Entry["mtime"]>();
  #entry: Entry | undefined;
  #fd = -1;
  #chunk: Uint8Array | undefined;
  #address = 0;
  #count = 0;

  constructor(root: string, form: Form) {
    this.#form = form;
    this.#tree = new Tree(root, (dirFd, name) => this.#makeRoom(dirFd, name));
    this.#whiteouts = form === "overlay" ? overlayWhiteouts() : plainWhiteouts(() => this.#tree);
    const stat = statAt(this.#tree.rootFd);
    const inherited = form === "plain" || typeof stat === "number" || (stat.mode & 0o2000) !== 0;
    this.#attributes = new Attributes({ inherited });
  }

  /** Entries so far. */
  get count(): number {
    return this.#count;
  }

  /** Directories that no entry had described when something was put into them. */
  get impliedDirs(): ByteText[] {
    return this.#tree.implied.filter((path) => !this.#times.has(path));
  }

  entry(entry: Entry): void {
    this.#entry = entry;
    this.#count++;
    try {
      this.#place(entry);
    } catch (error) {
      throw this.#named(error);
    }
  }

  data(chunk: Uint8Array<ArrayBuffer>, start: number, end: number, offset: number): void {
    if (this.#fd < 0) return;
    if (chunk !== this.#chunk) {
      this.#chunk = chunk;
      this.#address = addressOf(chunk);
    }
    const code = this.#entry!.extents
      ? writeAllAt(this.#fd, this.#address + start, end - start, offset)
      : writeAll(this.#fd, this.#address + start, end - start);
    if (code < 0) throw this.#named(new SystemError("write", -code));
  }

  end(): void {
    if (this.#fd < 0) return;
    try {
      this.#endFile(this.#entry!);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Sets directories' times; to be called after the last entry. */
  finish(): void {
    for (const [path, time] of this.#times) {
      this.#tree.trim();
      const fd = this.#tree.existing(path);
      if (fd >= 0) succeed(setTimesFd(fd, time), `unpack ${quote(path)}: set times`);
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeFd(this.#fd);
    this.#fd = -1;
    this.#tree[Symbol.dispose]();
  }

  /** An error that names the entry. */
  #named(error: unknown): unknown {
    if (!(error instanceof CtrError)) return error;
    const what = `unpack ${quote(this.#entry!.name)}: ${messageOf(error)}`;
    return new CtrError(error.code, what, { cause: error });
  }

  #place(entry: Entry) {
    const path = cleanName(entry.name);
    // The root's own attributes are its owner's, not the layer's, as in containerd.
    if (path === "") return;
    if (path.includes("\0") || entry.linkName.includes("\0")) throw invalidArgument("name holds a NUL byte");
    this.#tree.trim();
    const [directory, name] = split(path);
    const dirFd = this.#tree.directory(directory);
    if (isWhiteoutName(name)) return applyWhiteout(this.#whiteouts, dirFd, name, entry);
    if (entry.type === "file") this.#beginFile(dirFd, name, entry);
    else if (entry.type === "directory") this.#makeDirectory(dirFd, name, path, entry);
    else if (entry.type === "symlink") this.#makeSymlink(dirFd, name, entry);
    else if (entry.type === "hardlink") this.#makeLink(dirFd, name, entry);
    else this.#makeNode(dirFd, name, nodeTypes[entry.type], entry);
    this.#whiteouts.placed(dirFd, name);
  }

  /** Makes something, removing what is in its way. */
  #replacing(dirFd: number, name: ByteText, call: string, make: () => number): number {
    let code = make();
    if (code === -Errno.EEXIST) {
      this.#tree.remove(dirFd, name);
      code = make();
    }
    return succeed(code, call);
  }

  #beginFile(dirFd: number, name: ByteText, entry: Entry) {
    const mode = entry.mode & 0o777;
    const fd = openAt(dirFd, nul(name), CREATE, mode);
    this.#fd = fd >= 0
      ? fd
      : this.#replacing(dirFd, name, "create", () => openAt(dirFd, nul(name), CREATE, mode));
  }

  #endFile(entry: Entry) {
    const fd = this.#fd;
    if (entry.extents) succeed(truncateFd(fd, entry.size), "set size");
    // Writing drops set-user-ID bits and capabilities, so these come after it.
    this.#attributes.ofFd(fd, entry, true);
    succeed(setTimesFd(fd, entry.mtime), "set times");
    this.#fd = -1;
    succeed(closeFd(fd), "close");
  }

  #makeDirectory(dirFd: number, name: ByteText, path: ByteText, entry: Entry) {
    const flags = Open.DIRECTORY | Open.NOFOLLOW;
    let made = makeDirectoryAt(dirFd, nul(name), entry.mode & 0o777);
    let fd = made === -Errno.EEXIST || made >= 0 ? openAt(dirFd, nul(name), flags) : made;
    let opaque = false;
    if (fd === -Errno.ENOTDIR || fd === -Errno.ELOOP) {
      opaque = this.#form === "overlay" && hidesLower(this.#tree, dirFd, name);
      this.#tree.remove(dirFd, name);
      made = succeed(makeDirectoryAt(dirFd, nul(name), entry.mode & 0o777), "mkdir");
      fd = openAt(dirFd, nul(name), flags);
    }
    succeed(fd, "mkdir");
    this.#tree.keep(path, fd);
    if (opaque) markOpaque(fd);
    this.#attributes.ofFd(fd, entry, made >= 0);
    this.#times.set(path, entry.mtime);
  }

  #makeSymlink(dirFd: number, name: ByteText, entry: Entry) {
    this.#replacing(dirFd, name, "symlink", () => symlinkAt(nul2(entry.linkName), dirFd, nul(name)));
    this.#attributes.ofSymlink(dirFd, name, entry);
  }

  #makeLink(dirFd: number, name: ByteText, entry: Entry) {
    const [directory, target] = split(cleanName(entry.linkName, "link target"));
    const link = `link to ${quote(entry.linkName)}`;
    const targetFd = succeed(this.#tree.existing(directory), link);
    this.#replacing(dirFd, name, link, () => linkAt(targetFd, nul2(target), dirFd, nul(name)));
    this.#attributes.ofNode(dirFd, name, entry);
  }

  #makeNode(dirFd: number, name: ByteText, type: number, entry: Entry) {
    const device = entry.type === "fifo" ? { major: 0, minor: 0 } : entry.device;
    this.#replacing(dirFd, name, "mknod", () => makeNodeAt(dirFd, nul(name), type | entry.mode, device));
    this.#attributes.ofNode(dirFd, name, entry);
  }

  /** A whiteout gives way to the directory that hides the same; any other file is a fault of the archive. */
  #makeRoom(dirFd: number, name: ByteText): boolean {
    if (this.#form !== "overlay" || !hidesLower(this.#tree, dirFd, name)) return false;
    succeed(unlinkAt(dirFd, nul(name)), "remove whiteout");
    succeed(makeDirectoryAt(dirFd, nul(name), 0o755), "mkdir");
    const fd = succeed(openAt(dirFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW), "open");
    try {
      markOpaque(fd);
    } finally {
      closeFd(fd);
    }
    return true;
  }
}

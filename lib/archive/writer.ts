/** Tar entries out of files: headers, data and hard links, collected into large pieces. */
import { CtrError, failedPrecondition, messageOf } from "../errors.ts";
import {
  closeFd,
  Errno,
  type FileStat,
  FileType,
  Open,
  openAt,
  openResolved,
  readInto,
  readLinkAt,
  Resolve,
  statAt,
  succeed,
} from "../sys/mod.ts";
import type { Change } from "./changes.ts";
import { encodeEntry, endOfArchive, paddingAfter } from "./encode.ts";
import type { Entry, EntryType } from "./entry.ts";
import { type ByteText, quote } from "./names.ts";
import { knownId, knownXattrs, type Owners } from "./owners.ts";
import { isDirectory, keptXattrs, lookUp, typeOf } from "./side.ts";
import { join, nul, split } from "./tree.ts";

const PIECE = 1 << 20;
const WITHIN = Resolve.IN_ROOT | Resolve.NO_MAGICLINKS | Resolve.NO_SYMLINKS;
const HIDE = ".wh.";
const HIDE_ALL = ".wh..wh..opq";

const entryTypes: Record<number, EntryType> = {
  [FileType.REGULAR]: "file",
  [FileType.DIRECTORY]: "directory",
  [FileType.SYMLINK]: "symlink",
  [FileType.CHAR]: "char",
  [FileType.BLOCK]: "block",
  [FileType.FIFO]: "fifo",
};

/** Takes the archive's next piece, valid during the call. */
export type Sink = (bytes: Uint8Array<ArrayBuffer>) => void;

/** Writes changes of one tree as a layer's tar. Dispose it in any case. */
export class LayerWriter implements Disposable {
  readonly #rootFd: number;
  readonly #sink: Sink;
  readonly #latest: number;
  readonly #owners: Owners;
  readonly #piece = new Uint8Array(PIECE);
  #filled = 0;
  /** The last directory used, open. */
  #parent: { path: ByteText; fd: number } | undefined;
  /** Where files with several names were put first. */
  readonly #placed = new Map<string, ByteText>();
  /** Entries written. */
  count = 0;

  /** `sourceDate` (seconds since the epoch) is the latest time that any entry has; `owners`: whose the files are. */
  constructor(
    rootFd: number,
    sink: Sink,
    { sourceDate = Infinity, owners }: { sourceDate?: number; owners?: Owners } = {},
  ) {
    this.#owners = owners;
    this.#rootFd = rootFd;
    this.#sink = sink;
    this.#latest = sourceDate;
  }

  /** Writes one change; gives way between pieces of its data. */
  *write({ path, kind }: Change): Generator<void> {
    try {
      if (kind === "hideAll") this.#whiteout(path, HIDE_ALL);
      else if (kind === "hide") this.#whiteout(split(path)[0], HIDE + split(path)[1]);
      else yield* this.#put(path);
    } catch (error) {
      if (!(error instanceof CtrError)) throw error;
      throw new CtrError(error.code, `pack ${quote(path)}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Ends the archive. */
  finish(): void {
    this.#append(endOfArchive());
    this.#flush();
  }

  [Symbol.dispose](): void {
    if (this.#parent) closeFd(this.#parent.fd);
    this.#parent = undefined;
  }

  *#put(path: ByteText): Generator<void> {
    const [directory, name] = split(path);
    const dirFd = this.#directory(directory);
    const found = dirFd === undefined ? undefined : lookUp(dirFd, name);
    // Gone since the trees were compared: somebody is at work in this one, and it will be as if it had never been.
    if (dirFd === undefined || !found) return;
    if (typeOf(found.stat) === FileType.REGULAR) return yield* this.#file(dirFd, path, name);
    const first = this.#firstName(path, found.stat);
    const entry = this.#entry(path, found.stat, first);
    if (entry.type === "symlink") entry.linkName = readLinkAt(dirFd, nul(name)) ?? "";
    if (!first) entry.xattrs = knownXattrs(this.#owners, keptXattrs(dirFd, name));
    this.#header(entry);
  }

  *#file(dirFd: number, path: ByteText, name: ByteText): Generator<void> {
    const fd = openAt(dirFd, nul(name), Open.NOFOLLOW | Open.NONBLOCK);
    if (fd === -Errno.ENOENT) return;
    succeed(fd, "open");
    try {
      const stat = statAt(fd);
      if (typeof stat === "number") return void succeed(stat, "stat");
      if (typeOf(stat) !== FileType.REGULAR) {
        throw failedPrecondition("became another kind of file meanwhile");
      }
      const first = this.#firstName(path, stat);
      const entry = this.#entry(path, stat, first);
      if (!first) entry.xattrs = knownXattrs(this.#owners, keptXattrs(dirFd, name));
      this.#header(entry);
      if (!first) yield* this.#data(fd, stat.size);
    } finally {
      closeFd(fd);
    }
  }

  /** The name under which this very file was put before, if it was; notes it if not. */
  #firstName(path: ByteText, stat: FileStat): ByteText | undefined {
    if (isDirectory(stat) || stat.links < 2) return undefined;
    const key = `${stat.filesystem} ${stat.inode}`;
    const first = this.#placed.get(key);
    if (first === undefined) this.#placed.set(key, path);
    return first;
  }

  #entry(path: ByteText, stat: FileStat, first: ByteText | undefined): Entry {
    const type = entryTypes[typeOf(stat)];
    if (!type) throw failedPrecondition("became another kind of file meanwhile");
    const device = type === "char" || type === "block" ? stat.device : { major: 0, minor: 0 };
    return {
      type: first === undefined ? type : "hardlink",
      name: type === "directory" ? `${path}/` : path,
      linkName: first ?? "",
      size: type === "file" && first === undefined ? stat.size : 0,
      mode: stat.mode & 0o7777,
      uid: knownId(this.#owners, "uids", stat.uid),
      gid: knownId(this.#owners, "gids", stat.gid),
      mtime: this.#time(stat.mtime),
      device,
    };
  }

  #time(time: Entry["mtime"]): Entry["mtime"] {
    return time.seconds >= this.#latest ? { seconds: this.#latest, nanos: 0 } : time;
  }

  /** A deletion has the time of its directory, which is that of the last change in it, so never "now". */
  #whiteout(directory: ByteText, name: ByteText) {
    const dirFd = this.#directory(directory);
    const stat = dirFd === undefined ? undefined : statAt(dirFd);
    const mtime = typeof stat === "object" ? this.#time(stat.mtime) : { seconds: 0, nanos: 0 };
    this.#header({
      type: "file",
      name: join(directory, name),
      linkName: "",
      size: 0,
      mode: 0,
      uid: 0,
      gid: 0,
      mtime,
      device: { major: 0, minor: 0 },
    });
  }

  #header(entry: Entry) {
    this.#append(encodeEntry(entry));
    this.count++;
  }

  *#data(fd: number, size: number): Generator<void> {
    for (let left = size; left > 0;) {
      if (this.#filled === PIECE) this.#flush();
      const end = Math.min(PIECE, this.#filled + left);
      const n = succeed(readInto(fd, this.#piece.subarray(this.#filled, end)), "read");
      if (n === 0) {
        throw failedPrecondition(
          "became shorter while it was read: a container that writes to it must be paused",
        );
      }
      this.#filled += n;
      left -= n;
      yield;
    }
    this.#append(new Uint8Array(paddingAfter(size)));
  }

  #append(bytes: Uint8Array<ArrayBuffer>) {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === PIECE) this.#flush();
      const part = bytes.subarray(at, at + PIECE - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
    }
  }

  #flush() {
    if (this.#filled > 0) this.#sink(this.#piece.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** An open directory of the tree; undefined if it isn't there any more. Good until the next call. */
  #directory(path: ByteText): number | undefined {
    if (path === "") return this.#rootFd;
    if (this.#parent?.path === path) return this.#parent.fd;
    const fd = openResolved(this.#rootFd, nul(path), Open.DIRECTORY | Open.NOFOLLOW, WITHIN);
    if (fd === -Errno.ENOENT || fd === -Errno.ENOTDIR || fd === -Errno.ELOOP) return undefined;
    succeed(fd, "open its directory");
    this[Symbol.dispose]();
    this.#parent = { path, fd };
    return fd;
  }
}

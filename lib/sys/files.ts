/**
 * Files by descriptor and name, never by path from the root of the system: what unpacking an image needs so
 * that the kernel, not string work, keeps it inside its directory.
 *
 * Names are bytes with a NUL at the end ({@linkcode CName} makes them without allocating). These functions do
 * not throw: like the kernel they give a result, or the negative error number, because the unpacker branches on
 * EEXIST and ENOENT all the time. {@linkcode succeed} turns a negative result into an error.
 */
import { errno, libc, SystemError } from "./libc.ts";

const arm = Deno.build.arch === "aarch64";

/** Flags of open(2) (asm-generic/fcntl.h; two of them differ on arm64). */
export const Open = {
  READ: 0,
  WRITE: 1,
  CREATE: 0o100,
  EXCLUSIVE: 0o200,
  DIRECTORY: arm ? 0o40000 : 0o200000,
  NOFOLLOW: arm ? 0o100000 : 0o400000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** Ways to resolve of openat2(2) (linux/openat2.h). */
export const Resolve = { NO_MAGICLINKS: 2, NO_SYMLINKS: 4, IN_ROOT: 16 } as const;

/** Types of files in a mode (stat(2)). */
export const FileType = {
  MASK: 0o170000,
  FIFO: 0o010000,
  CHAR: 0o020000,
  DIRECTORY: 0o040000,
  BLOCK: 0o060000,
  REGULAR: 0o100000,
  SYMLINK: 0o120000,
} as const;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const OPENAT2 = 437;
const STATX_BASIC_STATS = 0x7ff;
const LONGEST_WRITE = 1 << 30;

const c = libc({
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  syscall: { parameters: ["isize", "i32", "buffer", "buffer", "usize"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // The length as 32 bits: Deno passes such numbers in a fifth of a microsecond less, which counts for small files.
  write: { parameters: ["i32", "usize", "u32"], result: "i32" },
  pwrite: { parameters: ["i32", "usize", "usize", "i64"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  chmod: { parameters: ["buffer", "u32"], result: "i32" },
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i32" },
});

const result = (value: number) => value === -1 ? -errno() : value;

/** Deno takes numbers for 64-bit arguments, and faster than bigints; its types say otherwise. */
const word = (value: number) => value as unknown as bigint;

/** Passes a result on, or throws a {@linkcode SystemError} for a negative error number. */
export function succeed(value: number, call: string): number {
  if (value < 0) throw new SystemError(call, -value);
  return value;
}

/** A reusable C string, filled from strings whose characters are bytes (0-255). */
export class CName {
  #bytes = new Uint8Array(4200);

  /** The bytes of `text` with a NUL after them; valid until the next call. */
  set(text: string): Uint8Array<ArrayBuffer> {
    if (text.length >= this.#bytes.length) this.#bytes = new Uint8Array(text.length + 4096);
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    bytes[text.length] = 0;
    return bytes;
  }
}

const EMPTY = new Uint8Array(1);
const how = new Uint8Array(24);
const howView = new DataView(how.buffer);

/** Opens `path` under `dirFd` as openat2(2) does; `resolve` is a sum of {@linkcode Resolve}. */
export function openResolved(dirFd: number, path: Uint8Array<ArrayBuffer>, flags: number, resolve: number) {
  howView.setBigUint64(0, BigInt(flags | Open.CLOEXEC), true);
  howView.setBigUint64(16, BigInt(resolve), true);
  // EAGAIN: somebody renamed a directory on the way while ".." was being resolved.
  for (let attempt = 0;; attempt++) {
    const fd = result(c.syscall(word(OPENAT2), dirFd, path, how, word(how.length)));
    if (fd !== -11 || attempt === 100) return fd;
  }
}

/** openat(2), close-on-exec. */
export const openAt = (dirFd: number, name: Uint8Array<ArrayBuffer>, flags: number, mode = 0) =>
  result(c.openat(dirFd, name, flags | Open.CLOEXEC, mode));

/** Opens a directory by an ordinary path, which the caller has chosen itself. */
export const openDirectory = (path: string) =>
  succeed(openAt(AT_FDCWD, new TextEncoder().encode(path + "\0"), Open.DIRECTORY), `open ${path}`);

export const closeFd = (fd: number) => result(c.close(fd));
export const makeDirectoryAt = (dirFd: number, name: Uint8Array<ArrayBuffer>, mode: number) =>
  result(c.mkdirat(dirFd, name, mode));
export const symlinkAt = (target: Uint8Array<ArrayBuffer>, dirFd: number, name: Uint8Array<ArrayBuffer>) =>
  result(c.symlinkat(target, dirFd, name));
/** A hard link; a symlink at the end of the old name is linked itself, not followed. */
export const linkAt = (
  oldDir: number,
  oldName: Uint8Array<ArrayBuffer>,
  newDir: number,
  newName: Uint8Array<ArrayBuffer>,
) => result(c.linkat(oldDir, oldName, newDir, newName, 0));
export const unlinkAt = (dirFd: number, name: Uint8Array<ArrayBuffer>) => result(c.unlinkat(dirFd, name, 0));
export const removeDirectoryAt = (dirFd: number, name: Uint8Array<ArrayBuffer>) =>
  result(c.unlinkat(dirFd, name, AT_REMOVEDIR));

/** Makes a device, FIFO or plain file; `mode` holds the type. Numbers that the kernel can't hold: EINVAL. */
export function makeNodeAt(
  dirFd: number,
  name: Uint8Array<ArrayBuffer>,
  mode: number,
  device: { major: number; minor: number },
) {
  const { major, minor } = device;
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) return -22;
  const dev = BigInt((minor & 0xff) | (major << 8)) | (BigInt(minor >> 8) << 20n);
  return result(c.mknodat(dirFd, name, mode, dev));
}

/** The address of a buffer's first byte; good as long as the buffer is alive. */
export const addressOf = (bytes: Uint8Array<ArrayBuffer>) =>
  Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));

/** Reads at the file's offset, as much as fits into `into` or is there; 0 at the end. */
export const readInto = (fd: number, into: Uint8Array<ArrayBuffer>) =>
  result(c.read(fd, into, word(into.length)));

/** Writes `length` bytes from a memory address ({@linkcode addressOf}) at the file's offset, all of them. */
export function writeAll(fd: number, address: number, length: number): number {
  for (let done = 0; done < length;) {
    const n = result(c.write(fd, word(address + done), Math.min(length - done, LONGEST_WRITE)));
    if (n < 0) return n;
    done += n;
  }
  return length;
}

/** As {@linkcode writeAll}, at `offset` of the file. */
export function writeAllAt(fd: number, address: number, length: number, offset: number): number {
  for (let done = 0; done < length;) {
    const n = result(c.pwrite(fd, word(address + done), word(length - done), word(offset + done)));
    if (n < 0) return n;
    done += n;
  }
  return length;
}

export const truncateFd = (fd: number, length: number) => result(c.ftruncate(fd, word(length)));
export const chownFd = (fd: number, uid: number, gid: number) => result(c.fchown(fd, uid, gid));
export const chmodFd = (fd: number, mode: number) => result(c.fchmod(fd, mode));

/** Changes the owner of `name` itself, also if it is a symlink. */
export const chownAt = (dirFd: number, name: Uint8Array<ArrayBuffer>, uid: number, gid: number) =>
  result(c.fchownat(dirFd, name, uid, gid, AT_SYMLINK_NOFOLLOW));

/** Changes the owner of what an `Open.PATH` descriptor stands for. */
export const chownPathFd = (fd: number, uid: number, gid: number) =>
  result(c.fchownat(fd, EMPTY, uid, gid, AT_EMPTY_PATH));

/** Changes the mode of what an `Open.PATH` descriptor stands for; not of a symlink. */
export const chmodPathFd = (fd: number, mode: number) =>
  result(c.chmod(new TextEncoder().encode(`/proc/self/fd/${fd}\0`), mode));

const times = new Uint8Array(32);
const timesView = new DataView(times.buffer);
function fillTimes(time: { seconds: number; nanos: number }) {
  for (const at of [0, 16]) {
    // In two halves, which is faster than a bigint.
    timesView.setUint32(at, time.seconds, true);
    timesView.setInt32(at + 4, Math.floor(time.seconds / 2 ** 32), true);
    timesView.setUint32(at + 8, time.nanos, true);
  }
  return times;
}

/** Sets both times of an open file. */
export const setTimesFd = (fd: number, time: { seconds: number; nanos: number }) =>
  result(c.futimens(fd, fillTimes(time)));

/** Sets both times of `name` itself, also if it is a symlink. */
export const setTimesAt = (
  dirFd: number,
  name: Uint8Array<ArrayBuffer>,
  time: { seconds: number; nanos: number },
) => result(c.utimensat(dirFd, name, fillTimes(time), AT_SYMLINK_NOFOLLOW));

/** The target of a symlink as bytes in a string, or undefined if `name` is not one. */
export function readLinkAt(dirFd: number, name: Uint8Array<ArrayBuffer>): string | undefined {
  const buffer = new Uint8Array(4096);
  const n = c.readlinkat(dirFd, name, buffer, word(buffer.length));
  if (n === -1) return undefined;
  return bytesToText(buffer, 0, n);
}

/** What statx(2) tells of a file. */
export interface FileStat {
  /** Type and permissions. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Allocated, of 512 bytes each. */
  readonly blocks: number;
  readonly inode: bigint;
  readonly mtime: { seconds: number; nanos: number };
  /** When the file or anything about it was changed last; nobody can set it. */
  readonly ctime: { seconds: number; nanos: number };
  readonly device: { major: number; minor: number };
  /** The file system that it is on, as the mount shows it; with `inode` it tells one file from another. */
  readonly filesystem: number;
}

const statBuffer = new Uint8Array(256);
const statView = new DataView(statBuffer.buffer);

/** The attributes of `name` itself (not followed), or of `dirFd` for an empty name; a negative error number. */
export function statAt(dirFd: number, name: Uint8Array<ArrayBuffer> = EMPTY): FileStat | number {
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  const code = result(c.statx(dirFd, name, flags, STATX_BASIC_STATS, statBuffer));
  if (code < 0) return code;
  const u32 = (at: number) => statView.getUint32(at, true);
  return {
    mode: statView.getUint16(28, true),
    links: u32(16),
    uid: u32(20),
    gid: u32(24),
    size: Number(statView.getBigUint64(40, true)),
    blocks: Number(statView.getBigUint64(48, true)),
    inode: statView.getBigUint64(32, true),
    mtime: { seconds: Number(statView.getBigInt64(112, true)), nanos: u32(120) },
    ctime: { seconds: Number(statView.getBigInt64(96, true)), nanos: u32(104) },
    device: { major: u32(128), minor: u32(132) },
    filesystem: u32(136) * 0x100000 + u32(140),
  };
}

/** The names in an open directory, as bytes in strings, without "." and "..". */
export function listDirectoryFd(fd: number): string[] {
  const names: string[] = [];
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const filled = succeed(result(c.getdents64(fd, buffer, word(buffer.length))), "getdents64");
    if (filled === 0) return names;
    for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
      const name = bytesToText(buffer, at + 19, buffer.indexOf(0, at + 19));
      if (name !== "." && name !== "..") names.push(name);
    }
  }
}

/** Whether the file system says in an open directory what its entries are (d_type); its own `.` is one. */
export function tellsTypes(fd: number): boolean {
  const buffer = new Uint8Array(4096);
  const filled = succeed(result(c.getdents64(fd, buffer, word(buffer.length))), "getdents64");
  return filled > 18 && buffer[18] !== 0;
}

/**
 * Bytes as a string with one character (0-255) for each; the reverse of {@linkcode CName}. Most are short: eight at
 * a time take half as long as a call with an array.
 */
export function bytesToText(bytes: Uint8Array, start: number, end: number): string {
  const of = String.fromCharCode;
  let text = "";
  let at = start;
  for (; at + 8 <= end; at += 8) {
    text += of(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
    );
  }
  for (; at < end; at++) text += of(bytes[at]!);
  return text;
}

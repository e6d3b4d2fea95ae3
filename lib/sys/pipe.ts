/** Pipes and FIFOs: raw descriptors, always close-on-exec. */
import { check, cstring, Errno, errno, libc, SystemError } from "./libc.ts";

const c = libc({
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  splice: { parameters: ["i32", "pointer", "i32", "pointer", "usize", "u32"], result: "isize" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
});

/** Flags of {@linkcode openFd} (asm-generic/fcntl.h, the same on x86_64 and arm64). */
export const Access = {
  READ: 0,
  WRITE: 1,
  READ_WRITE: 2,
  CREATE: 0o100,
  NO_CONTROL: 0o400,
  TRUNCATE: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
} as const;
const O_CLOEXEC = 0o2000000;

/** Opens a path; the descriptor is close-on-exec. */
export function openFd(path: string, flags: number, mode = 0o600): number {
  return check(c.open(cstring(path), flags | O_CLOEXEC, mode), `open ${path}`);
}

/** Closes a descriptor. */
export function closeDescriptor(fd: number): void {
  c.close(fd);
}

const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of what `fd` has open; close-on-exec. */
export function duplicate(fd: number): number {
  return check(c.fcntl(fd, F_DUPFD_CLOEXEC, 0n), "fcntl F_DUPFD_CLOEXEC");
}

/** Makes `target` (0, 1 or 2) another name of `fd`. */
export function redirect(fd: number, target: number): void {
  check(c.dup2(fd, target), "dup2");
}

/** An anonymous pipe. Both ends block until {@linkcode setNonblocking}. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Makes a pipe. */
export function pipe(): Pipe {
  const ends = new Int32Array(2);
  check(c.pipe2(new Uint8Array(ends.buffer), O_CLOEXEC), "pipe");
  return { read: ends[0]!, write: ends[1]! };
}

const F_SETFL = 4;

/** Makes reads and writes of an open file fail with EAGAIN where they would wait. */
export function setNonblocking(fd: number): void {
  check(c.fcntl(fd, F_SETFL, BigInt(Access.NONBLOCK)), "fcntl O_NONBLOCK");
}

/** The contrary of {@linkcode setNonblocking}. */
export function setBlocking(fd: number): void {
  check(c.fcntl(fd, F_SETFL, 0n), "fcntl");
}

/** What one step of copying did. */
export type Moved = number | "again" | "broken";

const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;

/**
 * Moves up to `length` bytes between two descriptors, one of them a pipe, without copying them through this
 * process. 0 at the end of `from`; "again" when it would have to wait; "broken" when nobody reads `to`.
 */
export function splice(from: number, to: number, length: number): Moved {
  const moved = Number(c.splice(from, null, to, null, BigInt(length), SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
  return moved >= 0 ? moved : failure("splice");
}

const waiting = libc({
  splice: {
    parameters: ["i32", "pointer", "i32", "pointer", "usize", "u32"],
    result: "isize",
    nonblocking: true,
  },
});

/** As {@linkcode splice}, but waits, on a thread of its own; -1 where it fails, for whatever reason. */
export async function spliceWaiting(from: number, to: number, length: number): Promise<number> {
  return Number(await waiting.splice(from, null, to, null, BigInt(length), SPLICE_F_MOVE));
}

const F_SETPIPE_SZ = 1031;

/** Lets a pipe hold `size` bytes. False if that is not allowed. */
export function growPipe(fd: number, size: number): boolean {
  return c.fcntl(fd, F_SETPIPE_SZ, BigInt(size)) !== -1;
}

/** Reads into `buffer`; see {@linkcode splice} for the result. */
export function readFd(fd: number, buffer: Uint8Array<ArrayBuffer>): Moved {
  const count = Number(c.read(fd, buffer, BigInt(buffer.length)));
  return count >= 0 ? count : failure("read");
}

/** Writes from `buffer`; see {@linkcode splice} for the result. */
export function writeFd(fd: number, buffer: Uint8Array<ArrayBuffer>): Moved {
  const count = Number(c.write(fd, buffer, BigInt(buffer.length)));
  return count >= 0 ? count : failure("write");
}

function failure(call: string): Moved {
  const error = errno();
  if (error === Errno.EAGAIN || error === Errno.EINTR) return "again";
  if (error === Errno.EPIPE) return "broken";
  throw new SystemError(call, error);
}

const FIONREAD = 0x541bn;

/** Bytes that wait in a pipe. */
export function bytesWaiting(fd: number): number {
  const count = new Int32Array(1);
  check(c.ioctl(fd, FIONREAD, new Uint8Array(count.buffer)), "ioctl FIONREAD");
  return count[0]!;
}

const POLLOUT = 4;
const POLLERR = 8;

const POLLIN = 1;
const POLLHUP = 16;

/** Whether a pipe is empty and nobody can write to it any more. */
export function isFinished(fd: number): boolean {
  const entry = new Int32Array([fd, POLLIN]);
  c.poll(new Uint8Array(entry.buffer), 1n, 0);
  const ready = entry[1]! >> 16;
  return (ready & POLLHUP) !== 0 && (ready & POLLIN) === 0;
}

/** Whether anybody has the read end of the pipe or FIFO open whose write end is `fd`. */
export function hasReader(fd: number): boolean {
  const entry = new Int32Array([fd, POLLOUT]);
  c.poll(new Uint8Array(entry.buffer), 1n, 0);
  return ((entry[1]! >> 16) & POLLERR) === 0;
}

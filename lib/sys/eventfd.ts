/** Event counters (eventfd(2)), and files that are read again and again from their start. */
import { check, Errno, errno, libc, SystemError } from "./libc.ts";

const c = libc({
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
});

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** A counter at 0, which becomes readable when somebody, the kernel say, adds to it. Close-on-exec. */
export function openCounter(): number {
  return check(c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

/** What was added to a counter since it was last taken. */
export function takeCount(fd: number): number {
  const count = new BigUint64Array(1);
  if (c.read(fd, new Uint8Array(count.buffer), 8n) === 8n) return Number(count[0]!);
  const error = errno();
  if (error === Errno.EAGAIN || error === Errno.EINTR) return 0;
  throw new SystemError("read eventfd", error);
}

/** The first bytes of an open file as text, 4 KiB at most, wherever its offset is. */
export function readFromStart(fd: number): string {
  const buffer = new Uint8Array(4096);
  const count = check(Number(c.pread(fd, buffer, BigInt(buffer.length), 0n)), "pread");
  return new TextDecoder().decode(buffer.subarray(0, count));
}

/**
 * Copying the bytes of a file inside the kernel; as in files.ts, results are the kernel's, negative on failure.
 */
import { errno, libc } from "./libc.ts";

const symbols = {
  copy_file_range: { parameters: ["i32", "buffer", "i32", "buffer", "usize", "u32"], result: "isize" },
} as const;
const c = libc({
  ...symbols,
  ioctl: { parameters: ["i32", "u64", "i64"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
});
// Large pieces wait for the disk, so they have a thread; errno is lost there.
const slow = libc({ copy_file_range: { ...symbols.copy_file_range, nonblocking: true } });

const FICLONE = 0x40049409n;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const result = (value: number | bigint) => Number(value) === -1 ? -errno() : Number(value);

/** Makes the open file `to` share all blocks of `from` until one of them is written to (ioctl_ficlone(2)). */
export const cloneFile = (from: number, to: number) => result(c.ioctl(to, FICLONE, BigInt(from)));

/** Where the next data at or after `offset` begins; -ENXIO if there is none. */
export const seekData = (fd: number, offset: number) => result(c.lseek(fd, BigInt(offset), SEEK_DATA));

/** Where the next hole at or after `offset` begins, at the latest the end of the file. */
export const seekHole = (fd: number, offset: number) => result(c.lseek(fd, BigInt(offset), SEEK_HOLE));

/** A piece of a file: `length` bytes from `offset`. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Copies a piece to the same place of another file, as much as one call takes; 0 at the end of the file. */
export function copyRange(from: number, to: number, { offset, length }: Range): number {
  const [fromAt, toAt] = [BigInt64Array.of(BigInt(offset)), BigInt64Array.of(BigInt(offset))];
  return result(c.copy_file_range(from, fromAt, to, toAt, BigInt(length), 0));
}

/** {@linkcode copyRange} that lets other work go on meanwhile. */
export async function copyRangeAside(from: number, to: number, range: Range): Promise<number> {
  const { offset, length } = range;
  const [fromAt, toAt] = [BigInt64Array.of(BigInt(offset)), BigInt64Array.of(BigInt(offset))];
  const copied = Number(await slow.copy_file_range(from, fromAt, to, toAt, BigInt(length), 0));
  return copied === -1 ? copyRange(from, to, range) : copied;
}

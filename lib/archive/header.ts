/**
 * The 512-byte header blocks of tar: V7, ustar (POSIX.1-1988), GNU, and the pax interchange format, which keeps
 * ustar's layout (POSIX pax; GNU tar manual, "Basic Tar Format").
 */
import { invalidArgument } from "../errors.ts";
import { type ByteText, quote, textField } from "./names.ts";

export const BLOCK = 512;

/** What a header says of who wrote it. */
const [GNU, USTAR, STAR] = ["ustar  \0", "ustar", "tar\0"].map((text) => new TextEncoder().encode(text)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** One header as it stands in its block. */
export interface Header {
  /** The type flag's character. */
  readonly type: string;
  readonly name: ByteText;
  readonly linkName: ByteText;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly device: { major: number; minor: number };
  /** Length of an old sparse file with its holes; 0 for other types. */
  readonly realSize: number;
}

/** What matters of a header that describes the entry after it. */
export type ExtensionHeader = Pick<Header, "type" | "size">;

/** Whether a block is nothing but zeros. */
export function isZeroBlock(block: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** The type flag's character of the header at `at`. Throws InvalidArgument if the checksum is wrong. */
export function typeOfHeader(block: Uint8Array, at: number): string {
  verifyChecksum(block, at);
  return String.fromCharCode(block[at + 156]!);
}

/** Reads a header that describes the entry after it; many layers have one before each file. */
export function parseExtensionHeader(block: Uint8Array, at: number): ExtensionHeader {
  return { type: String.fromCharCode(block[at + 156]!), size: sizeOf(block, at) };
}

/** Reads an entry's header. Throws InvalidArgument if a number is none. */
export function parseHeader(block: Uint8Array, at: number): Header {
  const gnu = holds(block, at + 257, GNU);
  const posix = !gnu && holds(block, at + 257, USTAR);
  const name = textField(block, at, at + 100);
  const number = (start: number, length: number, field: string) => {
    const value = parseNumber(block, at + start, at + start + length);
    if (value === undefined) throw invalidArgument(`tar header of ${quote(name)}: ${field} is not a number`);
    return value;
  };
  // Star keeps two times where ustar's prefix ends.
  const star = holds(block, at + 508, STAR);
  const prefix = posix ? textField(block, at + 345, at + (star ? 476 : 500)) : "";
  return {
    type: String.fromCharCode(block[at + 156]!),
    name: prefix ? `${prefix}/${name}` : name,
    linkName: textField(block, at + 157, at + 257),
    size: sizeOf(block, at),
    mode: number(100, 8, "mode"),
    uid: number(108, 8, "uid"),
    gid: number(116, 8, "gid"),
    mtime: number(136, 12, "mtime"),
    device: gnu || posix
      ? { major: number(329, 8, "device number"), minor: number(337, 8, "device number") }
      : { major: 0, minor: 0 },
    realSize: gnu && block[at + 156] === 0x53 ? number(483, 12, "real size") : 0,
  };
}

function sizeOf(block: Uint8Array, at: number): number {
  const size = parseNumber(block, at + 124, at + 136);
  if (size !== undefined && size >= 0) return size;
  const name = quote(textField(block, at, at + 100));
  if (size === undefined) throw invalidArgument(`tar header of ${name}: size is not a number`);
  throw invalidArgument(`tar entry ${name}: negative size`);
}

function holds(block: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (block[at + i] !== bytes[i]) return false;
  return true;
}

/** The sum of all bytes, its own field taken as blanks; ancient tars added signed ones. */
function verifyChecksum(block: Uint8Array, at: number) {
  let sum = sumOf(block, at);
  for (let i = at + 148; i < at + 156; i++) sum += 32 - block[i]!;
  const claimed = parseNumber(block, at + 148, at + 156);
  if (claimed !== sum && claimed !== sum - 256 * negatives(block, at)) {
    throw invalidArgument("tar header with a wrong checksum: damaged, or not a tar archive");
  }
}

/** The words of the last block's memory, where most others are too. */
let words: DataView = new DataView(new ArrayBuffer(0));
let wordsOf: Uint8Array | undefined;

/** The sum of a block's bytes, four at a time: two sums in the halves of each word, neither of which overflows. */
function sumOf(block: Uint8Array, at: number): number {
  if (wordsOf !== block) {
    wordsOf = block;
    words = new DataView(block.buffer, block.byteOffset, block.byteLength);
  }
  let even = 0;
  let odd = 0;
  for (let i = at; i < at + BLOCK; i += 4) {
    const word = words.getInt32(i, true);
    even += word & 0xff00ff;
    odd += (word >>> 8) & 0xff00ff;
  }
  return (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
}

/** How many bytes are negative as signed ones, the field of the sum left out. */
function negatives(block: Uint8Array, at: number): number {
  let count = 0;
  for (let i = at; i < at + BLOCK; i++) if (i < at + 148 || i >= at + 156) count += block[i]! >> 7;
  return count;
}

/** Octal digits amid blanks and NULs, or GNU's base 256; undefined if neither, or beyond 2^53. */
export function parseNumber(block: Uint8Array, start: number, end: number): number | undefined {
  if (block[start]! & 0x80) return parseBase256(block, start, end);
  while (start < end && isPadding(block[start]!)) start++;
  while (end > start && isPadding(block[end - 1]!)) end--;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = block[i]! - 48;
    // A NUL ends the number, whatever follows it.
    if (digit === -48) break;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return value;
}

const isPadding = (byte: number) => byte === 32 || byte === 0;

/** Two's complement, most significant byte first; the highest bit is the mark, the next one the sign. */
function parseBase256(block: Uint8Array, start: number, end: number): number | undefined {
  const negative = (block[start]! & 0x40) !== 0;
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = negative ? ~block[i]! & 0xff : block[i]!;
    value = value * 256 + (i === start ? byte & 0x7f : byte);
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return negative ? -value - 1 : value;
}

/** Pax extended headers: records of the form "LENGTH KEY=VALUE\n" (POSIX pax, "pax Extended Header"). */
import { invalidArgument } from "../errors.ts";
import { bytesToText } from "../sys/mod.ts";
import { bytesOf, type ByteText, quote } from "./names.ts";

/** The records of one extended header in order; sparse maps repeat their keys. */
export type PaxRecords = [key: ByteText, value: ByteText][];

const XATTR = "SCHILY.xattr.";
const SPARSE = "GNU.sparse.";
const [SPACE, EQUALS, NEWLINE] = [0x20, 0x3d, 0x0a];
/** Keys that every other record has, so that they need not be made anew; the first of these say something here. */
const common = ["mtime", "path", "size", "uid", "gid", "linkpath", "atime", "ctime", "uname", "gname"];
const used = new Set(common.slice(0, 6));
const textKeys = new Set(["path", "linkpath", "uname", "gname"]);

/**
 * Splits the extended header from `start` to `end` into the records that say something to this room; others
 * (LIBARCHIVE.*, comment, atime, ...) are left out. Throws InvalidArgument for anything that isn't exactly records:
 * many layers have three before each file, so it looks at each byte once.
 */
export function parsePax(data: Uint8Array, start = 0, end = data.length): PaxRecords {
  const records: PaxRecords = [];
  for (let at = start; at < end;) {
    let length = 0;
    let space = at;
    for (let digit; space < end && (digit = data[space]! - 48) >= 0 && digit <= 9; space++) {
      length = length * 10 + digit;
    }
    const next = at + length;
    let equals = space + 1;
    while (equals < next && data[equals] !== EQUALS) equals++;
    const isRecord = space > at && space <= at + 8 && next <= end && data[space] === SPACE &&
      data[next - 1] === NEWLINE && equals >= space + 2 && equals < next;
    if (!isRecord) throw invalidArgument("tar pax header: malformed record");
    const key = keyAt(data, space + 1, equals);
    if (key.includes("\0") || (textKeys.has(key) && data.subarray(equals, next).includes(0))) {
      throw invalidArgument(`tar pax header: ${quote(key)} holds a NUL byte`);
    }
    if (isUsed(key)) records.push([key, bytesToText(data, equals + 1, next - 1)]);
    at = next;
  }
  return records;
}

const isUsed = (key: ByteText) => used.has(key) || key.startsWith(XATTR) || key.startsWith(SPARSE);

function keyAt(data: Uint8Array, start: number, end: number): ByteText {
  for (const key of common) {
    if (key.length !== end - start) continue;
    let same = 0;
    while (same < key.length && data[start + same] === key.charCodeAt(same)) same++;
    if (same === key.length) return key;
  }
  return bytesToText(data, start, end);
}

/** What the records change in the entry after them; empty values leave the header's field as it is. */
export interface PaxChanges {
  path?: ByteText;
  linkPath?: ByteText;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { seconds: number; nanos: number };
  xattrs?: Map<ByteText, Uint8Array<ArrayBuffer>>;
  /** GNU.sparse.* records, in order. */
  sparse?: PaxRecords;
}

/** The meaning of the records. */
export function paxChanges(records: PaxRecords): PaxChanges {
  const changes: PaxChanges = {};
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) (changes.xattrs ??= new Map()).set(key.slice(XATTR.length), bytesOf(value));
    else if (key.startsWith(SPARSE)) (changes.sparse ??= []).push([key, value]);
    else if (value !== "") applyRecord(changes, key, value);
  }
  return changes;
}

function applyRecord(changes: PaxChanges, key: ByteText, value: ByteText) {
  if (key === "path") changes.path = value;
  else if (key === "linkpath") changes.linkPath = value;
  else if (key === "size") changes.size = paxInteger(key, value);
  else if (key === "uid") changes.uid = paxInteger(key, value);
  else if (key === "gid") changes.gid = paxInteger(key, value);
  else if (key === "mtime") changes.mtime = paxTime(value);
}

/** A decimal number within 2^53. */
export function paxInteger(key: ByteText, value: ByteText): number {
  const number = /^[+-]?[0-9]{1,19}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) {
    throw invalidArgument(`tar pax header: ${key} ${quote(value)} is not a number within 2^53`);
  }
  return number;
}

/** Seconds with a decimal fraction; digits beyond nanoseconds are cut. */
function paxTime(value: ByteText): { seconds: number; nanos: number } {
  const negative = value.startsWith("-");
  const start = negative ? 1 : 0;
  let at = start;
  let seconds = 0;
  for (let digit; (digit = digitAt(value, at)) >= 0; at++) seconds = seconds * 10 + digit;
  let valid = at > start && at <= start + 18;
  let nanos = 0;
  if (valid && value[at] === ".") {
    let unit = 1e8;
    for (let digit; (digit = digitAt(value, ++at)) >= 0; unit = unit === 1 ? 0 : unit / 10) {
      nanos += digit * unit;
    }
  }
  valid &&= at === value.length;
  if (!valid) throw invalidArgument(`tar pax header: mtime ${quote(value)} is not a time`);
  if (!negative) return { seconds, nanos };
  return nanos === 0 ? { seconds: -seconds, nanos } : { seconds: -seconds - 1, nanos: 1e9 - nanos };
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

/** Pax extended headers: records of the form "LENGTH KEY=VALUE\n" (POSIX pax, "pax Extended Header"). */
import { invalidArgument } from "../errors.ts";
import { bytesToText } from "../sys/mod.ts";
import { bytesOf, type ByteText, quote } from "./names.ts";

/** The records of one extended header in order; sparse maps repeat their keys. */
export type PaxRecords = [key: ByteText, value: ByteText][];

const XATTR = "SCHILY.xattr.";
const textKeys = new Set(["path", "linkpath", "uname", "gname"]);

/** Splits an extended header into records. Throws InvalidArgument for anything that isn't exactly that. */
export function parsePax(data: Uint8Array): PaxRecords {
  const records: PaxRecords = [];
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 || space - at > 8 ? "" : bytesToText(data, at, space);
    const end = /^[0-9]+$/.test(digits) ? at + Number(digits) : 0;
    const equals = end > 0 ? data.indexOf(0x3d, space) : -1;
    if (end > data.length || data[end - 1] !== 0x0a || equals < space + 2 || equals >= end) {
      throw invalidArgument("tar pax header: malformed record");
    }
    const key = bytesToText(data, space + 1, equals);
    const value = bytesToText(data, equals + 1, end - 1);
    if ((textKeys.has(key) ? value : key).includes("\0")) {
      throw invalidArgument(`tar pax header: ${quote(key)} holds a NUL byte`);
    }
    records.push([key, value]);
    at = end;
  }
  return records;
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

/** The meaning of the records that this room knows; others (LIBARCHIVE.*, comment, ...) say nothing to it. */
export function paxChanges(records: PaxRecords): PaxChanges {
  const changes: PaxChanges = {};
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) (changes.xattrs ??= new Map()).set(key.slice(XATTR.length), bytesOf(value));
    else if (key.startsWith("GNU.sparse.")) (changes.sparse ??= []).push([key, value]);
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
  const match = /^(-?)([0-9]{1,18})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw invalidArgument(`tar pax header: mtime ${quote(value)} is not a time`);
  const seconds = Number(match[2]);
  const nanos = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (!match[1]) return { seconds, nanos };
  return nanos === 0 ? { seconds: -seconds, nanos } : { seconds: -seconds - 1, nanos: 1e9 - nanos };
}

/**
 * Headers of tar entries, as every reader of layers knows them: ustar (POSIX.1-1988), and before it a pax header
 * with what ustar has no room for: long names, times finer than seconds, big numbers, extended attributes.
 */
import { invalidArgument } from "../errors.ts";
import { BLOCK } from "./header.ts";
import type { Entry, EntryType } from "./entry.ts";
import { bytesOf, type ByteText, quote } from "./names.ts";

const typeFlags: Record<EntryType, string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const PAX = "x";
const NAME = 100;
/** The largest numbers that an octal field of 8 and of 12 bytes holds. */
const MOST_7 = 0o7777777;
const MOST_11 = 0o77777777777;

/** The zeros that fill a file's last block. */
export const paddingAfter = (size: number) => (BLOCK - size % BLOCK) % BLOCK;

/** The two blocks of zeros that end an archive. */
export const endOfArchive = () => new Uint8Array(2 * BLOCK);

/** The blocks that stand before an entry's data. Throws InvalidArgument for a name that holds a NUL. */
export function encodeEntry(entry: Entry): Uint8Array<ArrayBuffer> {
  if (entry.name.includes("\0")) {
    throw invalidArgument(`tar entry ${quote(entry.name)}: name holds a NUL byte`);
  }
  const records = paxRecords(entry);
  const own = header(entry, typeFlags[entry.type]);
  return records === "" ? own : concat(paxBlocks(entry.name, records), own);
}

/** What doesn't fit into a ustar header, in the order of the keys: the same entry gives the same bytes. */
function paxRecords({ name, linkName, size, uid, gid, mtime, xattrs }: Entry): ByteText {
  const records: [key: ByteText, value: ByteText][] = [];
  if (name.length > NAME) records.push(["path", name]);
  if (linkName.length > NAME) records.push(["linkpath", linkName]);
  if (size > MOST_11) records.push(["size", String(size)]);
  if (uid > MOST_7) records.push(["uid", String(uid)]);
  if (gid > MOST_7) records.push(["gid", String(gid)]);
  if (mtime.nanos !== 0 || !fits(mtime.seconds, MOST_11)) records.push(["mtime", timeText(mtime)]);
  for (const [key, value] of xattrs ?? []) {
    if (key.includes("=")) {
      throw invalidArgument(`${quote(name)}: tar can't hold an xattr named ${quote(key)}`);
    }
    records.push([`SCHILY.xattr.${key}`, textOf(value)]);
  }
  return records.sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => record(key, value)).join("");
}

/** "LENGTH KEY=VALUE\n", where the length counts its own digits too. */
function record(key: ByteText, value: ByteText): ByteText {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return length + rest;
}

/** A decimal fraction; before the epoch it is the whole number that is negative (-1.5 s is "-1.5"). */
function timeText({ seconds, nanos }: Entry["mtime"]): string {
  const negative = seconds < 0;
  const whole = negative && nanos > 0 ? -seconds - 1 : Math.abs(seconds);
  const part = negative && nanos > 0 ? 1e9 - nanos : nanos;
  const fraction = part === 0 ? "" : `.${String(part).padStart(9, "0").replace(/0+$/, "")}`;
  return `${negative ? "-" : ""}${whole}${fraction}`;
}

function paxBlocks(name: ByteText, records: ByteText): Uint8Array<ArrayBuffer> {
  const base = name.replace(/\/+$/, "").split("/").at(-1)!;
  const own: Entry = {
    type: "file",
    name: `PaxHeaders.0/${base}`.slice(0, NAME),
    linkName: "",
    size: records.length,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanos: 0 },
    device: { major: 0, minor: 0 },
  };
  return concat(header(own, PAX), bytesOf(records), new Uint8Array(paddingAfter(records.length)));
}

function header(entry: Entry, flag: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const text = (at: number, value: ByteText, length: number) => {
    for (let i = 0; i < Math.min(value.length, length); i++) block[at + i] = value.charCodeAt(i);
  };
  // What has a pax record is 0 here: readers that know none of it fail sooner than with a wrong number.
  const number = (at: number, value: number, digits: number, most: number) =>
    text(at, (fits(value, most) ? value : 0).toString(8).padStart(digits, "0"), digits);
  text(0, entry.name, NAME);
  number(100, entry.mode, 7, MOST_7);
  number(108, entry.uid, 7, MOST_7);
  number(116, entry.gid, 7, MOST_7);
  number(124, entry.size, 11, MOST_11);
  number(136, entry.mtime.seconds, 11, MOST_11);
  text(156, flag, 1);
  text(157, entry.linkName, NAME);
  text(257, "ustar\x0000", 8);
  number(329, entry.device.major, 7, MOST_7);
  number(337, entry.device.minor, 7, MOST_7);
  text(148, `${checksum(block).toString(8).padStart(6, "0")}\0 `, 8);
  return block;
}

/** The sum of all bytes, its own field (still zeros) taken as blanks. */
const checksum = (block: Uint8Array) => block.reduce((sum, byte) => sum + byte, 8 * 32);

const fits = (value: number, most: number) => value >= 0 && value <= most;

function textOf(bytes: Uint8Array): ByteText {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

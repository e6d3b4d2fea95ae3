/**
 * Sparse files: where a file's data belong, in GNU's four spellings (GNU tar manual, "Storing Sparse Files"):
 * the old one in and after the header, and pax 0.0, 0.1 (in the extended header) and 1.0 (before the data).
 */
import { invalidArgument } from "../errors.ts";
import type { Extent } from "./entry.ts";
import { BLOCK, parseNumber } from "./header.ts";
import { type ByteText, quote } from "./names.ts";
import { bytesToText } from "../sys/mod.ts";
import { paxInteger, type PaxRecords } from "./pax.ts";

/** What pax records say of a sparse file. */
export interface PaxSparse {
  readonly name?: ByteText;
  readonly size: number;
  /** The map; undefined when it stands before the data (version 1.0). */
  readonly extents?: Extent[];
}

/** Reads GNU.sparse.* records; undefined when they describe no sparse file. */
export function paxSparse(records: PaxRecords): PaxSparse | undefined {
  const last = new Map(records);
  const field = (key: string) => last.get(`GNU.sparse.${key}`);
  const size = field("realsize") ?? field("size");
  if (size === undefined) return undefined;
  const version1 = field("major") === "1" && field("minor") === "0";
  return {
    name: field("name") || undefined,
    size: paxInteger("GNU.sparse.size", size),
    extents: version1 ? undefined : paxMap(records, field("map")),
  };
}

function paxMap(records: PaxRecords, map: ByteText | undefined): Extent[] {
  const numbers = map !== undefined
    ? map.split(",").filter((part) => part !== "")
    : records.filter(([key]) => /^GNU\.sparse\.(offset|numbytes)$/.test(key)).map(([, value]) => value);
  return pairs(numbers.map((number) => paxInteger("GNU.sparse.map", number)));
}

function pairs(numbers: number[]): Extent[] {
  if (numbers.length % 2) throw invalidArgument("tar sparse map: a number is missing");
  const extents: Extent[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    extents.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  }
  return extents;
}

const MAP_LIMIT = 1 << 20;

/** Gathers the map of version 1.0: decimal numbers a line, a count first, in blocks before the data. */
export class MapCollector {
  #text = "";
  #lines = 0;
  #needed = 0;

  /** Takes the next block; gives the map once it is whole. */
  add(block: Uint8Array, at: number): Extent[] | undefined {
    const text = bytesToText(block, at, at + BLOCK);
    for (const char of text) if (char === "\n") this.#lines++;
    this.#text += text;
    if (this.#text.length > MAP_LIMIT) throw invalidArgument("tar sparse map: over 1 MiB");
    if (this.#needed === 0) this.#needed = 2 * countOf(this.#text) + 1;
    if (this.#lines < this.#needed) return undefined;
    const lines = this.#text.split("\n").slice(1, this.#needed);
    return pairs(lines.map((line) => paxInteger("GNU.sparse.map", line)));
  }
}

function countOf(text: string): number {
  const first = text.slice(0, text.indexOf("\n"));
  if (!/^[0-9]{1,6}$/.test(first)) throw invalidArgument(`tar sparse map: bad count ${quote(first)}`);
  return Number(first);
}

/** The old format's entries at `at`: `slots` in the header (4) or in an extension block (21). */
export function oldExtents(block: Uint8Array, at: number, slots: number): Extent[] {
  const extents: Extent[] = [];
  for (let i = 0; i < slots; i++, at += 24) {
    if (block[at] === 0) break;
    const offset = parseNumber(block, at, at + 12);
    const length = parseNumber(block, at + 12, at + 24);
    if (offset === undefined || length === undefined) throw invalidArgument("tar sparse map: not a number");
    extents.push({ offset, length });
  }
  return extents;
}

/** Where an old header and its extension blocks keep their map and flags. */
export const oldSparse = { map: 386, more: 482, slots: 4, extensionSlots: 21, extensionMore: 504 };

/** Checks that a map is in order, within the file, and holds as many bytes as follow in the archive. */
export function checkExtents(name: ByteText, extents: Extent[], size: number, stored: number): Extent[] {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of extents) {
    if (offset < end || length < 0 || offset + length > size) {
      throw invalidArgument(`tar sparse map of ${quote(name)}: out of order or beyond the file's end`);
    }
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) {
    throw invalidArgument(`tar sparse map of ${quote(name)}: ${sum} bytes, but ${stored} are stored`);
  }
  return extents.filter((extent) => extent.length > 0);
}

/** Blocks are whole in an archive; this is what follows `size` bytes. */
export const paddingOf = (size: number) => (BLOCK - size % BLOCK) % BLOCK;

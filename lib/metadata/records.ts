/** The copy of the metadata in memory: per table, records in key order. */
import { Code, CtrError, invalidArgument, messageOf } from "../errors.ts";
import type { Key, Table } from "./database.ts";

/** One record: its bytes until they were decoded once, then the record. */
export interface Entry {
  readonly key: Key;
  /** How many KV values hold it. */
  readonly parts: number;
  /** Why it can't be read, found when the file was opened. */
  readonly damage?: string;
  /** Not on disk yet: its bytes are still needed when it was decoded. */
  pending?: boolean;
  bytes?: Uint8Array<ArrayBuffer>;
  decoded?: { readonly record: unknown };
}

/** KV takes keys of 2 KiB; some of it is ours. */
const maxKeyBytes = 1900;
const encoder = new TextEncoder();

/** Bytes that a key takes in KV. */
export function keyBytes(key: Key): number {
  return key.reduce((sum, part) => sum + encoder.encode(part).length + 2, 0);
}

/** The key as one string that sorts like the parts one by one. */
export function join(key: Key): string {
  return key.join("\0");
}

/** InvalidArgument for a key that can't be written. */
export function checkKey(table: string, key: Key): void {
  if (key.some((part) => part.includes("\0"))) {
    throw invalidArgument(`${table} name ${JSON.stringify(key.at(-1))} holds a NUL`);
  }
  const size = keyBytes(key);
  if (size > maxKeyBytes) {
    throw invalidArgument(
      `${table} name is too long: ${size} bytes with its namespace, at most ${maxKeyBytes}`,
    );
  }
}

/** The record of an entry, decoded at the first call; DataLoss, naming the key, if its bytes are none. */
export function recordOf<T>(table: Table<T>, entry: Entry): T {
  if (!entry.decoded) {
    try {
      if (entry.damage) throw new Error(entry.damage);
      entry.decoded = { record: freeze(table.codec.decode(entry.bytes!)) };
    } catch (cause) {
      const name = [table.name, ...entry.key].join("/");
      throw new CtrError(Code.DataLoss, `metadata record ${name} can't be read: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (!entry.pending) entry.bytes = undefined;
  }
  return entry.decoded.record as T;
}

/** Marks an entry as written: its bytes are dropped as soon as it is decoded. */
export function settle(entry: Entry): void {
  entry.pending = false;
  if (entry.decoded) entry.bytes = undefined;
}

/** Records are shared by all readers, so a change in place must fail at once. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}

/** The entries of one table, sorted by joined key. */
export class Records {
  readonly #byName = new Map<string, Entry>();
  readonly #names: string[] = [];

  get(name: string): Entry | undefined {
    return this.#byName.get(name);
  }

  set(name: string, entry: Entry): void {
    if (!this.#byName.has(name)) {
      const last = this.#names.at(-1);
      if (last === undefined || last < name) this.#names.push(name);
      else this.#names.splice(lowerBound(this.#names, name), 0, name);
    }
    this.#byName.set(name, entry);
  }

  delete(name: string): void {
    if (this.#byName.delete(name)) this.#names.splice(lowerBound(this.#names, name), 1);
  }

  /** Names that start with `prefix` (whole parts), in order. */
  names(prefix: Key): string[] {
    if (prefix.length === 0) return this.#names.slice();
    const start = join(prefix) + "\0";
    const from = lowerBound(this.#names, start);
    return this.#names.slice(from, lowerBound(this.#names, join(prefix) + "\x01"));
  }
}

function lowerBound(sorted: readonly string[], name: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

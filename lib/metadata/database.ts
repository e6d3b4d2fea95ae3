/**
 * The one metadata file: tables of records over Deno KV.
 *
 * The daemon is the only writer (it holds the lock on its root), so every table is also kept in memory.
 * Reads are plain function calls on that copy. Writes run one after the other: a transaction is a
 * synchronous function over a view that shows its own changes; what it changed is one atomic KV commit, and
 * reaches the copy in memory only after that commit. A write that was acknowledged is on disk; a
 * transaction that throws leaves nothing.
 *
 * KV holds at most 64 KiB in a value, so larger records are split: `["r", table, ...key]` holds
 * the first part, `["p", table, ...key, n]` the others.
 */
import { Code, CtrError } from "../errors.ts";
import type { Codec } from "../rpc/service.ts";

/** The name of a record within its table: namespace first. */
export type Key = readonly string[];

/** A kind of record: where it is kept and how it is written down. */
export interface Table<T> {
  readonly name: string;
  readonly codec: Codec<T>;
}

/** What may be read, in a transaction or outside. */
export interface Reader {
  get<T>(table: Table<T>, key: Key): T | undefined;
  /** Records whose key starts with `prefix`, in key order. */
  list<T>(table: Table<T>, prefix?: Key): [Key, T][];
}

/** A transaction: reads see its own writes. */
export interface Transaction extends Reader {
  put<T>(table: Table<T>, key: Key, record: T): void;
  delete<T>(table: Table<T>, key: Key): void;
}

/** A table over a generated message. */
export function table<T>(name: string, codec: Codec<T>): Table<T> {
  return { name, codec };
}

/** A codec for records that have no message of their own: JSON. */
export function json<T>(): Codec<T> {
  return {
    encode: (record) => ({ finish: () => new TextEncoder().encode(JSON.stringify(record)) }),
    decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T,
  };
}

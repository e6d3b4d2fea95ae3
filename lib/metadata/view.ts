/** What one transaction sees and changes: layers of changes over the copy in memory. */
import { Code, CtrError } from "../errors.ts";
import type { Key, Table, Transaction } from "./database.ts";
import { partsOf } from "./file.ts";
import { checkKey, type Entry, join, recordOf, type Records } from "./records.ts";

/** Changes by table and name; undefined for a deletion. */
export class Changes {
  readonly tables = new Map<string, Map<string, { key: Key; entry?: Entry }>>();

  get(table: string, name: string): { key: Key; entry?: Entry } | undefined {
    return this.tables.get(table)?.get(name);
  }

  set(table: string, key: Key, entry?: Entry): void {
    let changes = this.tables.get(table);
    if (!changes) this.tables.set(table, changes = new Map());
    changes.set(join(key), { key, entry });
  }

  /** Takes over all of `later`. */
  merge(later: Changes): void {
    for (const [table, changes] of later.tables) {
      for (const { key, entry } of changes.values()) this.set(table, key, entry);
    }
  }

  get size(): number {
    let size = 0;
    for (const changes of this.tables.values()) size += changes.size;
    return size;
  }
}

/** Larger than any message that a transport lets in. */
const maxRecordBytes = 20 << 20;

/** A transaction over `base` and the `pending` changes of those before it that are not on disk yet. */
export class View implements Transaction {
  readonly changes = new Changes();
  readonly #base: (table: string) => Records;
  readonly #pending: Changes;
  #open = true;

  constructor(base: (table: string) => Records, pending: Changes) {
    this.#base = base;
    this.#pending = pending;
  }

  /** After this any use throws: a transaction that leaked out of its function can't change anything. */
  close(): void {
    this.#open = false;
  }

  get<T>(table: Table<T>, key: Key): T | undefined {
    const entry = this.#entry(table.name, join(key));
    return entry && recordOf(table, entry);
  }

  has<T>(table: Table<T>, key: Key): boolean {
    return this.#entry(table.name, join(key)) !== undefined;
  }

  list<T>(table: Table<T>, prefix: Key = []): [Key, T][] {
    this.#check();
    const names = new Set(this.#base(table.name).names(prefix));
    const before = names.size;
    const start = prefix.length === 0 ? "" : join(prefix) + "\0";
    for (const layer of [this.#pending, this.changes]) {
      for (const name of layer.tables.get(table.name)?.keys() ?? []) {
        if (name.startsWith(start)) names.add(name);
      }
    }
    const ordered = [...names];
    if (names.size > before) ordered.sort((a, b) => a < b ? -1 : 1);
    const found: [Key, T][] = [];
    for (const name of ordered) {
      const entry = this.#entry(table.name, name);
      if (entry) found.push([entry.key, recordOf(table, entry)]);
    }
    return found;
  }

  put<T>(table: Table<T>, key: Key, record: T): void {
    this.#check();
    checkKey(table.name, key);
    const bytes = new Uint8Array(table.codec.encode(record).finish());
    if (bytes.length > maxRecordBytes) {
      throw new CtrError(
        Code.ResourceExhausted,
        `${table.name} ${key.at(-1)} takes ${bytes.length} bytes, at most ${maxRecordBytes} are kept`,
      );
    }
    this.changes.set(table.name, [...key], { key: [...key], parts: partsOf(bytes), pending: true, bytes });
  }

  delete<T>(table: Table<T>, key: Key): void {
    this.#check();
    this.changes.set(table.name, [...key]);
  }

  #entry(table: string, name: string): Entry | undefined {
    this.#check();
    const change = this.changes.get(table, name) ?? this.#pending.get(table, name);
    return change ? change.entry : this.#base(table).get(name);
  }

  #check(): void {
    if (!this.#open) throw new CtrError(Code.Internal, "the transaction is over");
  }
}

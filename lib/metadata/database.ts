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
import { Code, CtrError, isDiskFull, messageOf } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import type { Codec } from "../rpc/service.ts";
import { damageOf, hasKept, unusable } from "./damage.ts";
import { commit, deleteRecord, HalfApplied, load, type Mutation, openFile, putRecord } from "./file.ts";
import { join, recordOf, Records, settle } from "./records.ts";
import { Changes, View } from "./view.ts";

/** The name of a record within its table: namespace first. */
export type Key = readonly string[];

/** A kind of record: where it is kept and how it is written down. */
export interface Table<T> {
  readonly name: string;
  readonly codec: Codec<T>;
}

/**
 * What may be read, in a transaction or outside. Records are shared and frozen: change a copy, then put it.
 * A record whose bytes can't be decoded throws DataLoss, naming it; it can still be deleted or overwritten.
 */
export interface Reader {
  get<T>(table: Table<T>, key: Key): T | undefined;
  /** Whether there is a record, readable or not. */
  has<T>(table: Table<T>, key: Key): boolean;
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

/** One record that a commit put or deleted. */
export interface Change {
  readonly table: string;
  readonly key: Key;
  readonly deleted: boolean;
}

/** A file that was made here says so, so that one without records is told from one that has lost them. */
async function signFile(kv: Deno.Kv, records: number, path: string): Promise<void> {
  const signature = ["meta", "made"];
  if ((await kv.get(signature)).value !== null) return;
  if (records === 0 && await hasKept(path)) {
    throw unusable(path, "it holds no records, while there are blobs or snapshots beside it");
  }
  await kv.set(signature, Date.now());
}

interface Waiting {
  /** Shares its commit with nobody. */
  readonly alone: boolean;
  readonly run: (view: View) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Writers that share a commit stop at this many changes. */
const groupLimit = 400;

/** The open metadata file. One process may have it open: the daemon, by the lock on its root. */
export class Database implements Reader {
  readonly #kv: Deno.Kv;
  readonly #tables = new Map<string, Records>();
  readonly #queue: Waiting[] = [];
  readonly #watchers = new Set<(changes: readonly Change[]) => void>();
  #writing: Promise<void> | undefined;
  #broken: unknown;
  #closed = false;

  private constructor(kv: Deno.Kv) {
    this.#kv = kv;
  }

  /**
   * Opens or makes the file at `path` (0600) and reads all of it. Throws DataLoss, saying what to do, if it is
   * damaged, or if it is missing or empty while there is content beside it: an empty start would be the end of that.
   */
  static async open(path: string): Promise<Database> {
    const damage = await damageOf(path);
    if (damage) throw unusable(path, damage);
    return await Database.make(path, { anew: false });
  }

  /** As {@linkcode open}, of a file that takes the place of a lost one: what is kept beside it is no objection. */
  static async make(path: string, { anew = true }: { anew?: boolean } = {}): Promise<Database> {
    const kv = await openFile(path);
    const database = new Database(kv);
    try {
      let records = 0;
      for await (const { table, ...entry } of load(kv)) {
        database.#records(table).set(join(entry.key), entry);
        records++;
      }
      await signFile(kv, anew ? 1 : records, path);
    } catch (cause) {
      kv.close();
      if (cause instanceof CtrError) throw cause;
      throw unusable(path, messageOf(cause), cause);
    }
    return database;
  }

  get<T>(table: Table<T>, key: Key): T | undefined {
    const entry = this.#records(table.name).get(join(key));
    return entry && recordOf(table, entry);
  }

  has<T>(table: Table<T>, key: Key): boolean {
    return this.#records(table.name).get(join(key)) !== undefined;
  }

  list<T>(table: Table<T>, prefix: Key = []): [Key, T][] {
    const records = this.#records(table.name);
    return records.names(prefix).map((name) => {
      const entry = records.get(name)!;
      return [entry.key, recordOf(table, entry)];
    });
  }

  /** Keys only, of readable records and others. */
  keys<T>(table: Table<T>, prefix: Key = []): Key[] {
    const records = this.#records(table.name);
    return records.names(prefix).map((name) => records.get(name)!.key);
  }

  /** Keys one by one, for those who stop on the way: what is deleted meanwhile is left out, what is new is not seen. */
  *scan<T>(table: Table<T>, prefix: Key = []): Generator<Key> {
    const records = this.#records(table.name);
    for (const name of records.names(prefix)) {
      const entry = records.get(name);
      if (entry) yield entry.key;
    }
  }

  /**
   * Runs `fn` when the writers before have run, and resolves with its result once its changes are on disk.
   * `fn` is synchronous and free of effects outside the transaction; if it throws, nothing changed. Writers
   * that wait at the same time share one commit. If the commit fails, all of them fail and memory is as before.
   */
  write<R>(fn: (tx: Transaction) => R): Promise<R> {
    return this.#enqueue(fn, false);
  }

  /** As {@linkcode write}, with a commit of its own: all commits before are in memory when `fn` runs. */
  writeAlone<R>(fn: (tx: Transaction) => R): Promise<R> {
    return this.#enqueue(fn, true);
  }

  /** Tells `watcher` of each commit, right after it reached memory. Returns what ends that. */
  watch(watcher: (changes: readonly Change[]) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Waits for the writers under way, then closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    this.#kv.close();
  }

  #enqueue<R>(fn: (tx: Transaction) => R, alone: boolean): Promise<R> {
    if (this.#closed) return Promise.reject(new CtrError(Code.Unavailable, "the metadata file is closed"));
    return new Promise<R>((resolve, reject) => {
      let result: R;
      this.#queue.push({ alone, run: (view) => result = fn(view), resolve: () => resolve(result), reject });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = new Changes();
      const done: Waiting[] = [];
      for (const waiting of this.#nextGroup(group)) this.#run(waiting, group, done);
      try {
        await this.#commit(group);
      } catch (error) {
        for (const waiting of done) waiting.reject(error);
        continue;
      }
      for (const waiting of done) waiting.resolve();
    }
    this.#writing = undefined;
  }

  *#nextGroup(group: Changes): Generator<Waiting> {
    do {
      const waiting = this.#queue.shift()!;
      yield waiting;
      if (waiting.alone) return;
    } while (this.#queue.length > 0 && !this.#queue[0]!.alone && group.size < groupLimit);
  }

  #run(waiting: Waiting, group: Changes, done: Waiting[]): void {
    const view = new View((table) => this.#records(table), group);
    try {
      if (this.#broken) throw this.#broken;
      waiting.run(view);
      group.merge(view.changes);
      done.push(waiting);
    } catch (error) {
      waiting.reject(error);
    } finally {
      view.close();
    }
  }

  async #commit(group: Changes): Promise<void> {
    const mutations: Mutation[] = [];
    for (const [table, changes] of group.tables) {
      for (const [name, { key, entry }] of changes) {
        const before = this.#records(table).get(name)?.parts ?? 0;
        if (entry) mutations.push(...putRecord(table, key, entry.bytes!, before));
        else if (before > 0) mutations.push(...deleteRecord(table, key, before));
      }
    }
    try {
      faultPoint("metadata.commit");
      await commit(this.#kv, mutations);
      faultPoint("metadata.committed");
    } catch (cause) {
      const code = isDiskFull(cause) ? Code.ResourceExhausted : Code.Internal;
      const error = new CtrError(code, `metadata could not be written: ${messageOf(cause)}`, { cause });
      if (cause instanceof HalfApplied) this.#broken = error;
      throw error;
    }
    this.#adopt(group);
  }

  #adopt(group: Changes): void {
    const all: Change[] = [];
    for (const [table, changes] of group.tables) {
      const records = this.#records(table);
      for (const [name, { key, entry }] of changes) {
        all.push({ table, key, deleted: !entry });
        if (!entry) records.delete(name);
        else {
          settle(entry);
          records.set(name, entry);
        }
      }
    }
    if (all.length > 0) { for (const watcher of this.#watchers) watcher(all); }
  }

  #records(table: string): Records {
    let records = this.#tables.get(table);
    if (!records) this.#tables.set(table, records = new Records());
    return records;
  }
}

/**
 * The metadata file: Deno KV, which is SQLite with a write-ahead log and `synchronous = FULL`: it syncs the log
 * at every commit (one fsync, seen with strace), so what was acknowledged survives kill -9 and power loss.
 *
 * A commit in KV takes 1000 mutations, 80 KiB of keys and 800 KiB in all. A transaction beyond that goes
 * into a journal first, piece by piece; then one small commit declares the journal valid; then the pieces are
 * applied and the journal is removed. The next open completes a valid journal and drops any other, so that
 * a transaction of any size happens wholly or not at all.
 */
import { keyBytes } from "./records.ts";
import type { Key } from "./database.ts";

/** One change of one KV value; `value` undefined deletes. */
export interface Mutation {
  readonly key: readonly [("r" | "p"), ...(string | number)[]];
  readonly value?: KvValue;
}

/** A whole record, or how many parts it has and the first of them. */
type KvValue = Uint8Array<ArrayBuffer> | [number, Uint8Array<ArrayBuffer>];

/** A record as it was found. */
export interface Loaded {
  readonly table: string;
  readonly key: Key;
  readonly parts: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Why it can't be read. */
  readonly damage?: string;
}

/** The journal is valid but could not be applied: only opening the file again can. */
export class HalfApplied extends Error {}

const partBytes = 60 << 10;
const limits = { mutations: 900, keys: 70 << 10, total: 700 << 10 };

/** How many KV values hold a record of these bytes. */
export function partsOf(bytes: Uint8Array): number {
  return Math.max(1, Math.ceil(bytes.length / partBytes));
}

/** What writes a record in place of one that had `before` parts (0 if there was none). */
export function putRecord(
  table: string,
  key: Key,
  bytes: Uint8Array<ArrayBuffer>,
  before: number,
): Mutation[] {
  const parts = partsOf(bytes);
  const part = (n: number) => bytes.slice(n * partBytes, (n + 1) * partBytes);
  const first: KvValue = parts === 1 ? bytes : [parts, part(0)];
  const mutations: Mutation[] = [{ key: ["r", table, ...key], value: first }];
  for (let n = 1; n < parts; n++) mutations.push({ key: ["p", table, ...key, n], value: part(n) });
  for (let n = parts; n < before; n++) mutations.push({ key: ["p", table, ...key, n] });
  return mutations;
}

/** What deletes a record of `parts` parts. */
export function deleteRecord(table: string, key: Key, parts: number): Mutation[] {
  const mutations: Mutation[] = [{ key: ["r", table, ...key] }];
  for (let n = 1; n < parts; n++) mutations.push({ key: ["p", table, ...key, n] });
  return mutations;
}

/** Opens the file, mode 0600, and completes what a crash left half applied. */
export async function openFile(path: string): Promise<Deno.Kv> {
  const kv = await Deno.openKv(path);
  for (const suffix of ["", "-wal", "-shm"]) {
    await Deno.chmod(path + suffix, 0o600).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  await recover(kv);
  return kv;
}

/** Every record in the file, in no order that anybody may rely on. */
export async function* load(kv: Deno.Kv): AsyncGenerator<Loaded> {
  for await (const { key, value } of kv.list<KvValue>({ prefix: ["r"] }, { batchSize: 1000 })) {
    const [, name, ...rest] = key as string[];
    const place = { table: name!, key: rest };
    if (value instanceof Uint8Array) yield { ...place, parts: 1, bytes: value };
    else if (Array.isArray(value)) yield { ...place, ...await joinParts(kv, key.slice(1), value) };
    else yield { ...place, parts: 1, bytes: new Uint8Array(), damage: "it holds no bytes" };
  }
}

async function joinParts(
  kv: Deno.Kv,
  key: Deno.KvKey,
  [parts, first]: [number, Uint8Array<ArrayBuffer>],
): Promise<Pick<Loaded, "parts" | "bytes" | "damage">> {
  const pieces = [first];
  for await (const part of kv.list<Uint8Array<ArrayBuffer>>({ prefix: ["p", ...key] })) {
    // A longer name may start with this one; its parts have longer keys.
    if (part.key.length === key.length + 2) pieces.push(part.value);
  }
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
  const damage = pieces.length === parts ? undefined : `${pieces.length} of its ${parts} parts are there`;
  return { parts, bytes, damage };
}

/** Writes all mutations or none. */
export async function commit(kv: Deno.Kv, mutations: readonly Mutation[]): Promise<void> {
  const batches = [...cut(mutations)];
  if (batches.length === 1) await apply(kv, batches[0]!);
  else if (batches.length > 1) await journal(kv, batches);
}

function* cut(mutations: readonly Mutation[]): Generator<Mutation[]> {
  let batch: Mutation[] = [];
  let keys = 0;
  let total = 0;
  for (const mutation of mutations) {
    const key = keyBytes(mutation.key.map(String)) + 16;
    const value = mutation.value ? valueBytes(mutation.value) : 0;
    const full = batch.length >= limits.mutations || keys + key > limits.keys ||
      total + key + value > limits.total;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      keys = total = 0;
    }
    batch.push(mutation);
    keys += key;
    total += key + value;
  }
  if (batch.length > 0) yield batch;
}

const valueBytes = (value: KvValue) => 32 + (Array.isArray(value) ? value[1].length : value.length);

async function apply(kv: Deno.Kv, batch: readonly Mutation[]): Promise<void> {
  const operation = kv.atomic();
  for (const { key, value } of batch) {
    if (value) operation.set(key as Deno.KvKey, value);
    else operation.delete(key as Deno.KvKey);
  }
  const result = await operation.commit();
  if (!result.ok) throw new Error("the metadata file refused a commit");
}

type Piece = { key: Mutation["key"]; value?: KvValue };

/** One journal piece a mutation: both have the same limits, with some room for the key within the value. */
async function journal(kv: Deno.Kv, batches: readonly Mutation[][]): Promise<void> {
  let n = 0;
  for (const batch of batches) {
    const operation = kv.atomic();
    for (const mutation of batch) operation.set(["j", n++], mutation satisfies Piece);
    await operation.commit();
  }
  await kv.set(["valid"], n);
  try {
    for (const batch of batches) await apply(kv, batch);
    await dropJournal(kv, n);
  } catch (cause) {
    throw new HalfApplied("the file could not be brought to the state that it promises", { cause });
  }
}

async function dropJournal(kv: Deno.Kv, pieces: number): Promise<void> {
  await kv.delete(["valid"]);
  for (let from = 0; from < pieces; from += limits.mutations) {
    const operation = kv.atomic();
    for (let n = from; n < Math.min(pieces, from + limits.mutations); n++) operation.delete(["j", n]);
    await operation.commit();
  }
}

async function recover(kv: Deno.Kv): Promise<void> {
  const valid = (await kv.get<number>(["valid"])).value ?? 0;
  const pieces: Piece[] = [];
  let last = -1;
  for await (const entry of kv.list<Piece>({ prefix: ["j"] })) {
    last = entry.key[1] as number;
    if (last < valid) pieces.push(entry.value);
  }
  for (const batch of cut(pieces)) await apply(kv, batch);
  if (valid > 0 || last >= 0) await dropJournal(kv, last + 1);
}

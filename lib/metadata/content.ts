/**
 * Content by namespace: which blobs a namespace has, with which labels, and its writes under way.
 *
 * The bytes are shared by all namespaces (lib/content): a write that announces a digest which another namespace
 * already has is complete at once, unless namespaces are to be isolated from each other. A blob's file goes when the last record of it has gone; see `sweep`.
 */
import { createHash } from "node:crypto";
import { ContentCreate, ContentDelete } from "../api/events/content.ts";
import type { Info, Status } from "../api/services/content/v1/content.ts";
import { type BlobStore, parseDigest, type Range } from "../content/mod.ts";
import { alreadyExists, Code, CtrError, invalidArgument, isError, notFound } from "../errors.ts";
import type { Publisher } from "../events/mod.ts";
import { parseFilters } from "../filters/mod.ts";
import { anyOf } from "../rpc/any.ts";
import { fromMillis, now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import { ContentWriter } from "./content_writer.ts";
import type { Database } from "./database.ts";
import { labelsField } from "./fields.ts";
import { checkScope, digestFault } from "./identifiers.ts";
import { checkLabels, keptLabels, type Labels, updateLabels } from "./labels.ts";
import { holdByLease, releaseFromLease } from "./leases.ts";
import { pacer } from "./pacer.ts";
import { content, type IngestRecord, ingests, namespaces } from "./schema.ts";

/** What a writer announces of its blob. */
export interface Announcement {
  readonly expected?: string;
  /** Bytes; 0 or absent if not known. */
  readonly total?: number;
}

/**
 * "isolated": a namespace has to show the bytes of what it wants to have, except of what a namespace has that is
 * labelled to let others share in its content.
 */
export type SharingPolicy = "shared" | "isolated";

/** The label, "true", of a namespace whose content others get by its digest whatever the policy. */
const shareableLabel = "containerd.io/namespace.shareable";

export class ContentStore {
  readonly #db: Database;
  readonly #blobs: BlobStore;
  readonly #publisher: Publisher;
  readonly #policy: SharingPolicy;
  /** Who is busy with a digest's file: its commits and its removal come one after the other. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(
    db: Database,
    blobs: BlobStore,
    publisher: Publisher,
    { policy = "shared" }: { policy?: SharingPolicy } = {},
  ) {
    this.#policy = policy;
    this.#db = db;
    this.#blobs = blobs;
    this.#publisher = publisher;
  }

  /** @throws NotFound if the namespace doesn't have it, whoever else does */
  info(scope: Scope, digest: string): Info {
    checkScope(scope);
    const info = this.#db.get(content, [scope.namespace, digest]);
    if (!info) throw missing(digest);
    return info;
  }

  has(scope: Scope, digest: string): boolean {
    return this.#db.has(content, [scope.namespace, digest]);
  }

  /** Blobs that match any of `filters`: fields digest, size and labels.KEY. */
  list(scope: Scope, filters: readonly string[] = []): Info[] {
    checkScope(scope);
    const match = parseFilters(filters);
    const all = this.#db.list(content, [scope.namespace]).map(([, info]) => info);
    return all.filter((info) =>
      match(([field, ...rest]) => {
        if (field === "digest") return info.digest;
        if (field === "size") return String(info.size);
        return labelsField(field, rest, info.labels);
      })
    );
  }

  /** Changes labels: `paths` are "labels" or "labels.KEY"; none means all of them. */
  update(scope: Scope, { digest, labels }: Pick<Info, "digest" | "labels">, paths: readonly string[] = []) {
    checkScope(scope);
    return this.#db.write((tx): Info => {
      const info = tx.get(content, [scope.namespace, digest]);
      if (!info) throw missing(digest);
      const updated = updateLabels(info.labels, labels, paths.length ? paths : ["labels"], (path) => {
        throw invalidArgument(
          `cannot update ${JSON.stringify(path)} field on content info ${JSON.stringify(digest)}`,
        );
      });
      checkLabels(updated, "content info labels");
      const changed = { ...info, labels: updated, updatedAt: now() };
      tx.put(content, [scope.namespace, digest], changed);
      return changed;
    });
  }

  /** Takes a blob from the namespace; its file goes with the next collection if no other has it. */
  async delete(scope: Scope, digest: string): Promise<void> {
    checkScope(scope);
    await this.#db.write((tx) => {
      if (!tx.has(content, [scope.namespace, digest])) throw missing(digest);
      tx.delete(content, [scope.namespace, digest]);
      releaseFromLease(tx, scope, { type: "content", id: digest });
    });
    const event = anyOf("containerd.events.ContentDelete", ContentDelete, { digest });
    this.#publisher.publish(scope.namespace, "/content/delete", event);
  }

  /** The file of a blob that the namespace has. */
  path(scope: Scope, digest: string): string {
    this.info(scope, digest);
    return this.#blobs.path(digest);
  }

  /** A blob's bytes, or a part of them. Throws NotFound and OutOfRange before the first. */
  read(scope: Scope, digest: string, range: Range = {}): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    this.info(scope, digest);
    return this.#blobs.read(digest, range);
  }

  /** A whole blob. Throws ResourceExhausted if it is longer than `limit` bytes. */
  async readAll(scope: Scope, digest: string, limit = 8 << 20): Promise<Uint8Array> {
    const { size } = this.info(scope, digest);
    if (size > BigInt(limit)) {
      throw new CtrError(Code.ResourceExhausted, `content ${digest} has ${size} bytes, more than ${limit}`);
    }
    const bytes = new Uint8Array(Number(size));
    let at = 0;
    for await (const chunk of this.read(scope, digest)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /**
   * Starts or resumes the write `ref`.
   * @throws AlreadyExists if the namespace has the announced digest, Unavailable if somebody else writes `ref`.
   */
  async writer(scope: Scope, ref: string, announced: Announcement = {}): Promise<ContentWriter> {
    checkScope(scope);
    if (!ref) throw invalidArgument("ref must not be empty");
    const { expected = "" } = announced;
    if (expected) parseDigest(expected);
    if (expected && this.has(scope, expected)) throw alreadyExists(`content ${expected}`);
    const key = keyOf(scope, ref);
    const ingest = await this.#blobs.ingest(key, `${scope.namespace}/${ref}`);
    try {
      // What an earlier writer left for another blob is of no use to this one.
      if (this.#isForAnother(scope, ref, announced)) {
        await ingest.truncate();
        await this.#forget(scope, ref);
      }
      const record = await this.#begin(scope, ref, key, announced);
      const shared = await this.#sharedSize(record.expected);
      return new ContentWriter(this, scope, record, ingest, shared);
    } catch (error) {
      await ingest.close();
      throw error;
    }
  }

  #isForAnother({ namespace }: Scope, ref: string, { expected = "", total = 0 }: Announcement): boolean {
    const before = this.#db.get(ingests, [namespace, ref]);
    const differ = <T>(was: T, is: T) => Boolean(was && is && was !== is);
    return before !== undefined && (differ(before.expected, expected) || differ(before.total, total));
  }

  #begin(
    scope: Scope,
    ref: string,
    key: string,
    { expected = "", total = 0 }: Announcement,
  ): Promise<IngestRecord> {
    return this.#db.write((tx) => {
      const before = tx.get(ingests, [scope.namespace, ref]);
      const record: IngestRecord = {
        ref,
        key,
        expected: expected || before?.expected || "",
        total: total || before?.total || 0,
        startedAt: before?.startedAt ?? Date.now(),
        lease: scope.lease || before?.lease,
      };
      tx.put(ingests, [scope.namespace, ref], record);
      holdByLease(tx, scope, { type: "ingests", id: ref });
      return record;
    });
  }

  /** Length of a blob that another namespace shares with this one. */
  async #sharedSize(expected: string): Promise<number | undefined> {
    return expected && this.#isRecorded(expected, { toShare: true })
      ? await this.#blobs.size(expected)
      : undefined;
  }

  /** Whether any namespace has the blob, or one that others may have it of. */
  #isRecorded(digest: string, { toShare = false } = {}): boolean {
    const isAsked = (name: string) =>
      !toShare || this.#policy === "shared" ||
      this.#db.get(namespaces, [name])?.labels[shareableLabel] === "true";
    return this.#db.keys(namespaces).some(([name]) =>
      this.#db.has(content, [name!, digest]) && isAsked(name!)
    );
  }

  /** How far a write is. Throws NotFound. */
  async status(scope: Scope, ref: string): Promise<Status> {
    checkScope(scope);
    const record = this.#db.get(ingests, [scope.namespace, ref]);
    if (!record) throw notFound(`ingest ref ${JSON.stringify(ref)}`);
    return await this.#statusOf(record);
  }

  /** Writes under way that match any of `filters`: the field ref. */
  async statuses(scope: Scope, filters: readonly string[] = []): Promise<Status[]> {
    checkScope(scope);
    const match = parseFilters(filters);
    const records = this.#db.list(ingests, [scope.namespace]).map(([, record]) => record)
      .filter(({ ref }) => match(([field]) => field === "ref" ? ref : undefined));
    return await Promise.all(records.map((record) => this.#statusOf(record)));
  }

  async #statusOf({ ref, key, expected, total, startedAt }: IngestRecord): Promise<Status> {
    const { offset, updatedAt } = await this.#blobs.ingestStatus(key) ?? { offset: 0, updatedAt: startedAt };
    return {
      ref,
      expected,
      total: BigInt(total),
      offset: BigInt(offset),
      startedAt: fromMillis(startedAt),
      updatedAt: fromMillis(updatedAt),
    };
  }

  /** Throws a write away. Throws NotFound, Unavailable while somebody writes. */
  async abort(scope: Scope, ref: string): Promise<void> {
    checkScope(scope);
    const record = this.#db.get(ingests, [scope.namespace, ref]);
    if (!record) throw notFound(`ingest ref ${JSON.stringify(ref)}`);
    await this.#blobs.abort(record.key, ref);
    await this.#forget(scope, ref);
  }

  #forget(scope: Scope, ref: string): Promise<void> {
    return this.#db.write((tx) => {
      tx.delete(ingests, [scope.namespace, ref]);
      releaseFromLease(tx, scope, { type: "ingests", id: ref });
    });
  }

  /**
   * Used by {@linkcode ContentWriter}: the record of a blob, in place of that of its ingest. False if the namespace
   * has one already, which then stays as it is.
   */
  async record(
    scope: Scope,
    ref: string,
    { digest, size }: { digest: string; size: number },
    labels: Labels,
  ): Promise<boolean> {
    const time = now();
    const info = { digest, size: BigInt(size), labels: keptLabels(labels), createdAt: time, updatedAt: time };
    const isNew = await this.#db.write((tx) => {
      tx.delete(ingests, [scope.namespace, ref]);
      releaseFromLease(tx, scope, { type: "ingests", id: ref });
      holdByLease(tx, scope, { type: "content", id: digest });
      if (tx.has(content, [scope.namespace, digest])) return false;
      tx.put(content, [scope.namespace, digest], info);
      return true;
    });
    if (isNew) {
      const event = anyOf("containerd.events.ContentCreate", ContentCreate, { digest, size: info.size });
      this.#publisher.publish(scope.namespace, "/content/create", event);
    }
    return isNew;
  }

  /** Used by {@linkcode ContentWriter}: the length of a blob's file, if it is still there. */
  sizeOnDisk(digest: string): Promise<number | undefined> {
    return this.#blobs.size(digest);
  }

  /**
   * Used by {@linkcode ContentWriter}: runs `work` when nobody else is busy with the digest's file. Between the
   * look for a record and the removal of the file no commit may come, nor the other way round.
   */
  async alone<T>(digest: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(digest) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#busy.set(digest, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(digest) === mine) this.#busy.delete(digest);
    }
  }

  /**
   * Puts a good file in the place of a blob's that was lost or damaged; its records stay as they are. `fill` writes
   * the bytes to a file, and throws unless they are those of the digest.
   * @throws NotFound if the namespace doesn't have the blob, Unavailable if somebody else mends it
   */
  async mend(scope: Scope, digest: string, fill: (path: string) => Promise<unknown>): Promise<void> {
    const size = Number(this.info(scope, digest).size);
    const key = keyOf(scope, `mend-${digest}`);
    await using ingest = await this.#blobs.ingest(key, `mend-${digest}`);
    await fill(ingest.dataPath);
    await this.alone(digest, () => ingest.commit({ digest, size, replace: true }));
  }

  /** Deletes blobs and ingests on disk that no namespace has a record of. */
  async sweep(): Promise<void> {
    const pace = pacer();
    const kept = new Set<string>();
    for (const [, digest] of this.#db.scan(content)) {
      kept.add(digest!);
      await pace();
    }
    for (const digest of await this.#blobs.digests()) {
      if (!kept.has(digest)) await this.#removeUnlessRecorded(digest);
      await pace();
    }
    const idle = await this.#blobs.idleIngests();
    const keys = new Set(this.#db.list(ingests).map(([, { key }]) => key));
    for (const key of idle) if (!keys.has(key)) await this.#blobs.abort(key, key).catch(ignoreLocked);
  }

  #removeUnlessRecorded(digest: string): Promise<void> {
    return this.alone(digest, async () => {
      if (!this.#isRecorded(digest)) await this.#blobs.delete(digest);
    });
  }
}

/** NotFound for a digest that the namespace doesn't have, InvalidArgument for what is no digest. */
function missing(digest: string): CtrError {
  const fault = digestFault(digest);
  return fault
    ? invalidArgument(`${JSON.stringify(digest)}: ${fault}`)
    : notFound(`content digest ${digest}`);
}

/** A name for an ingest's directory, whatever characters its ref has. */
function keyOf({ namespace }: Scope, ref: string): string {
  return createHash("sha256").update(`${namespace}/${ref}`).digest("hex");
}

function ignoreLocked(error: unknown): void {
  if (!isError(error, Code.Unavailable)) throw error;
}

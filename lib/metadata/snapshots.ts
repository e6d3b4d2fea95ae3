/**
 * Snapshots by namespace and snapshotter: their names, parents, kinds and labels. The directories are the
 * snapshotters' (lib/snapshots), which know them by the number that each record holds.
 *
 * A directory is made before its record and removed after it, so that a crash leaves at most a directory
 * without a record, which `sweep` finds.
 */
import { SnapshotCommit, SnapshotPrepare, SnapshotRemove } from "../api/events/snapshot.ts";
import type { Info } from "../api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../api/types/mount.ts";
import { alreadyExists, failedPrecondition, invalidArgument, notFound, unavailable } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import { mappingsOf } from "../id_mappings.ts";
import type { Publisher } from "../events/mod.ts";
import { parseFilters } from "../filters/mod.ts";
import { anyOf } from "../rpc/any.ts";
import { nowMillis } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import type { Snapshotter, Usage } from "../snapshots/mod.ts";
import type { Database, Reader, Transaction } from "./database.ts";
import { checkScope } from "./identifiers.ts";
import { checkLabels, keptLabels, type Labels, updateLabels } from "./labels.ts";
import { layersInUse } from "./layers_in_use.ts";
import { holdByLease, releaseFromLease } from "./leases.ts";
import { Numbers } from "./numbers.ts";
import { type SnapshotRecord, snapshots } from "./schema.ts";
import { fieldOf, infoOf, newRecord } from "./snapshot_info.ts";
import { placeOf, sweepLayers } from "./sweep_layers.ts";

/** A caller that prepares a snapshot names here the committed one that it wants to make of it. */
const targetLabel = "containerd.io/snapshot.ref";

/** A snapshot being filled before it has a name; see {@linkcode SnapshotStore.stage}. */
export interface Staged {
  readonly id: string;
  /** The directory to write the layer in. */
  readonly layerPath: string;
}

export class SnapshotStore {
  readonly #db: Database;
  readonly #publisher: Publisher;
  readonly #snapshotters: ReadonlyMap<string, Snapshotter>;
  /** Directories whose record is still to come. */
  readonly #pending = new Set<string>();
  readonly #numbers: Numbers;

  constructor(db: Database, snapshotters: readonly Snapshotter[], publisher: Publisher) {
    this.#db = db;
    this.#publisher = publisher;
    this.#numbers = new Numbers(db, "snapshot");
    this.#snapshotters = new Map(snapshotters.map((one) => [one.name, one]));
  }

  /** A writable snapshot on top of the committed `parent` (empty for none); how to mount it. */
  async prepare(scope: Scope, snapshotter: string, key: string, parent: string, labels: Labels = {}) {
    const target = labels[targetLabel];
    if (target && this.#find(this.#db, scope, snapshotter, target)) {
      throw alreadyExists(`target snapshot ${JSON.stringify(target)}`);
    }
    const mounts = await this.#create(scope, snapshotter, key, parent, labels, "active");
    const event = anyOf("containerd.events.SnapshotPrepare", SnapshotPrepare, { key, parent, snapshotter });
    this.#publisher.publish(scope.namespace, "/snapshot/prepare", event);
    return mounts;
  }

  /** A read-only look at the committed `parent`; how to mount it. */
  view(
    scope: Scope,
    snapshotter: string,
    key: string,
    parent: string,
    labels: Labels = {},
  ): Promise<Mount[]> {
    return this.#create(scope, snapshotter, key, parent, labels, "view");
  }

  async #create(
    scope: Scope,
    snapshotter: string,
    key: string,
    parent: string,
    labels: Labels,
    kind: "active" | "view",
  ): Promise<Mount[]> {
    checkScope(scope);
    checkLabels(labels, "snapshot labels");
    if (!key) throw invalidArgument("snapshot key must not be empty");
    const driver = this.#driver(snapshotter);
    if (this.#find(this.#db, scope, snapshotter, key)) throw alreadyExists(`snapshot ${JSON.stringify(key)}`);
    const parents = this.#chain(this.#db, scope, snapshotter, parent);
    const mappings = mappingsOf(labels);
    const id = String(await this.#numbers.next());
    const record = newRecord(id, parent, kind, labels);
    return await this.#withDirectory(driver, id, async () => {
      await driver.create(id, parents, kind, mappings);
      await this.#db.write((tx) => {
        // By now the parent's name may stand for another snapshot than the one this was made on.
        if (this.#chain(tx, scope, snapshotter, parent)[0] !== parents[0]) {
          throw unavailable(`parent snapshot ${parent} was replaced while ${key} was made`);
        }
        this.#add(tx, scope, snapshotter, key, record);
      });
      return driver.mounts(id, parents, kind, mappings);
    });
  }

  #add(tx: Transaction, scope: Scope, snapshotter: string, key: string, record: SnapshotRecord): void {
    if (this.#find(tx, scope, snapshotter, key)) throw alreadyExists(`snapshot ${JSON.stringify(key)}`);
    this.#chain(tx, scope, snapshotter, record.parent);
    holdByLease(tx, scope, { type: `snapshots/${snapshotter}`, id: key });
    tx.put(snapshots, [scope.namespace, snapshotter, key], record);
  }

  /** How to mount an active snapshot or view. */
  mounts(scope: Scope, snapshotter: string, key: string): Mount[] {
    const driver = this.#driver(snapshotter);
    const { id, parent, kind, labels } = this.#get(this.#db, scope, snapshotter, key);
    if (kind === "committed") {
      throw failedPrecondition(
        `snapshot ${JSON.stringify(key)} is committed: only active ones and views are mounted`,
      );
    }
    return driver.mounts(id, this.#chain(this.#db, scope, snapshotter, parent), kind, mappingsOf(labels));
  }

  /** Directories of a snapshot and its parents, nearest first, where the snapshotter has layers as directories. */
  layerPaths(scope: Scope, snapshotter: string, key: string): string[] {
    const driver = this.#driver(snapshotter);
    return key ? this.#chain(this.#db, scope, snapshotter, key).map((id) => driver.layerPath!(id)) : [];
  }

  /**
   * Makes the active snapshot `key` the committed one `name`, with `labels` and no others. Its data is synced
   * unless `sync` is false.
   */
  async commit(
    scope: Scope,
    snapshotter: string,
    name: string,
    key: string,
    { labels = {}, sync }: { labels?: Labels; sync?: boolean } = {},
  ): Promise<void> {
    checkScope(scope);
    checkLabels(labels, "snapshot labels");
    if (!name) throw invalidArgument("snapshot name must not be empty");
    const driver = this.#driver(snapshotter);
    const { id, parent } = this.#committable(this.#db, scope, snapshotter, name, key);
    await driver.commit(id, { sync });
    const { size, inodes } = await driver.usage(id, this.#chain(this.#db, scope, snapshotter, parent));
    await this.#db.write((tx) => {
      const active = this.#committable(tx, scope, snapshotter, name, key);
      // What gets the name must be what was synced and measured.
      if (active.id !== id) throw unavailable(`snapshot ${key} was replaced during its commit`);
      const time = nowMillis();
      tx.delete(snapshots, [scope.namespace, snapshotter, key]);
      releaseFromLease(tx, scope, { type: `snapshots/${snapshotter}`, id: key });
      const record: SnapshotRecord = {
        ...active,
        kind: "committed",
        labels: keptLabels(labels),
        createdAt: time,
        updatedAt: time,
        size,
        inodes,
      };
      this.#add(tx, scope, snapshotter, name, record);
    });
    this.#publishCommit(scope, snapshotter, name, key);
  }

  #committable(from: Reader, scope: Scope, snapshotter: string, name: string, key: string): SnapshotRecord {
    if (this.#find(from, scope, snapshotter, name)) throw alreadyExists(`snapshot ${JSON.stringify(name)}`);
    const record = this.#get(from, scope, snapshotter, key);
    if (record.kind !== "active") throw failedPrecondition(`snapshot ${JSON.stringify(key)} is not active`);
    return record;
  }

  #publishCommit(scope: Scope, snapshotter: string, name: string, key: string): void {
    const event = anyOf("containerd.events.SnapshotCommit", SnapshotCommit, { key, name, snapshotter });
    this.#publisher.publish(scope.namespace, "/snapshot/commit", event);
  }

  /** Removes a snapshot that is nobody's parent. */
  async remove(scope: Scope, snapshotter: string, key: string): Promise<void> {
    checkScope(scope);
    const driver = this.#driver(snapshotter);
    const { id } = await this.#db.write((tx) => {
      const record = this.#get(tx, scope, snapshotter, key);
      const all = tx.list(snapshots, [scope.namespace, snapshotter]);
      const isParent = all.some(([, { parent }]) => parent === key);
      if (isParent) throw failedPrecondition("cannot remove snapshot with child");
      tx.delete(snapshots, [scope.namespace, snapshotter, key]);
      releaseFromLease(tx, scope, { type: `snapshots/${snapshotter}`, id: key });
      return record;
    });
    await driver.remove(id);
    const event = anyOf("containerd.events.SnapshotRemove", SnapshotRemove, { key, snapshotter });
    this.#publisher.publish(scope.namespace, "/snapshot/remove", event);
  }

  stat(scope: Scope, snapshotter: string, key: string): Info {
    checkScope(scope);
    this.#driver(snapshotter);
    return infoOf(key, this.#get(this.#db, scope, snapshotter, key));
  }

  has(scope: Scope, snapshotter: string, key: string): boolean {
    return this.#find(this.#db, scope, snapshotter, key) !== undefined;
  }

  /** Changes labels: `paths` are "labels" or "labels.KEY"; none means all of them. */
  update(
    scope: Scope,
    snapshotter: string,
    { name, labels }: Pick<Info, "name" | "labels">,
    paths: readonly string[],
  ) {
    checkScope(scope);
    this.#driver(snapshotter);
    return this.#db.write((tx): Info => {
      const record = this.#get(tx, scope, snapshotter, name);
      const updated = updateLabels(record.labels, labels, paths.length ? paths : ["labels"], (path) => {
        throw invalidArgument(
          `cannot update ${JSON.stringify(path)} field on snapshot ${JSON.stringify(name)}`,
        );
      });
      checkLabels(updated, "snapshot labels");
      const changed = { ...record, labels: updated, updatedAt: nowMillis() };
      tx.put(snapshots, [scope.namespace, snapshotter, name], changed);
      return infoOf(name, changed);
    });
  }

  /** Snapshots that match any of `filters`: fields name, parent, kind and labels.KEY. */
  list(scope: Scope, snapshotter: string, filters: readonly string[] = []): Info[] {
    checkScope(scope);
    this.#driver(snapshotter);
    const match = parseFilters(filters);
    const all = this.#db.list(snapshots, [scope.namespace, snapshotter]);
    return all.map(([key, record]) => infoOf(key[2]!, record)).filter((info) => match(fieldOf(info)));
  }

  /** Disk use without parents: of a committed snapshot as it was measured once, of others as it is now. */
  async usage(scope: Scope, snapshotter: string, key: string): Promise<Usage> {
    checkScope(scope);
    const driver = this.#driver(snapshotter);
    const record = this.#get(this.#db, scope, snapshotter, key);
    if (record.kind === "view") return { size: 0, inodes: 0 };
    if (record.size !== undefined) return { size: record.size, inodes: record.inodes! };
    const usage = await driver.usage(record.id, this.#chain(this.#db, scope, snapshotter, record.parent));
    if (record.kind === "committed") await this.#keepUsage(scope, snapshotter, key, record.id, usage);
    return usage;
  }

  #keepUsage(scope: Scope, snapshotter: string, key: string, id: string, usage: Usage): Promise<void> {
    return this.#db.write((tx) => {
      const record = this.#find(tx, scope, snapshotter, key);
      if (record?.id === id) tx.put(snapshots, [scope.namespace, snapshotter, key], { ...record, ...usage });
    });
  }

  /** Whether a snapshotter's layers can be filled before their parents are there. */
  canStage(snapshotter: string): boolean {
    return this.#driver(snapshotter).layerPath !== undefined;
  }

  /** A directory for a layer whose name and parent come later, by {@linkcode commitStaged}. */
  async stage(snapshotter: string): Promise<Staged> {
    const driver = this.#driver(snapshotter);
    const id = String(await this.#numbers.next());
    this.#pending.add(placeOf(snapshotter, id));
    try {
      await driver.create(id, [], "active");
      faultPoint("snapshot.staged");
    } catch (error) {
      await this.discardStaged(snapshotter, id);
      throw error;
    }
    return { id, layerPath: driver.layerPath!(id) };
  }

  /** Commits a staged layer as `name` on top of `parent`. Throws AlreadyExists; it is still staged then. */
  async commitStaged(
    scope: Scope,
    snapshotter: string,
    id: string,
    { name, parent, labels = {}, sync }: { name: string; parent: string; labels?: Labels; sync?: boolean },
  ): Promise<void> {
    checkLabels(labels, "snapshot labels");
    const driver = this.#driver(snapshotter);
    await driver.commit(id, { sync });
    faultPoint("snapshot.sealed");
    const record = newRecord(id, parent, "committed", labels);
    await this.#db.write((tx) => this.#add(tx, scope, snapshotter, name, record));
    this.#pending.delete(placeOf(snapshotter, id));
    this.#publishCommit(scope, snapshotter, name, "");
  }

  /**
   * Puts a staged layer in the place of the damaged files of the committed snapshot `name`; what is on top of it
   * stays. The old files go with the next sweep that finds nobody who has them mounted.
   * @throws NotFound, FailedPrecondition if `name` is not committed
   */
  async replace(scope: Scope, snapshotter: string, name: string, staged: string): Promise<void> {
    const driver = this.#driver(snapshotter);
    await driver.commit(staged);
    const { parent } = this.#get(this.#db, scope, snapshotter, name);
    const { size, inodes } = await driver.usage(staged, this.#chain(this.#db, scope, snapshotter, parent));
    await this.#db.write((tx) => {
      const record = this.#get(tx, scope, snapshotter, name);
      if (record.kind !== "committed") throw failedPrecondition(`snapshot ${JSON.stringify(name)} is in use`);
      tx.put(snapshots, [scope.namespace, snapshotter, name], { ...record, id: staged, size, inodes });
    });
    this.#pending.delete(placeOf(snapshotter, staged));
  }

  /** Keys of the active snapshots on top of `name` that are mounted now, as those of running containers are. */
  async mountedOn(scope: Scope, snapshotter: string, name: string): Promise<string[]> {
    const driver = this.#driver(snapshotter);
    const inUse = driver.layerPath ? await layersInUse() : () => false;
    const { id: lower } = this.#get(this.#db, scope, snapshotter, name);
    return this.#db.list(snapshots, [scope.namespace, snapshotter])
      .filter(([, { kind }]) => kind === "active")
      .filter(([, { parent }]) => this.#chain(this.#db, scope, snapshotter, parent).includes(lower))
      .filter(([, { id }]) => inUse(driver.layerPath!(id)))
      .map(([[, , key]]) => key!);
  }

  /** Throws a staged layer away. */
  async discardStaged(snapshotter: string, id: string): Promise<void> {
    await this.#driver(snapshotter).remove(id);
    this.#pending.delete(placeOf(snapshotter, id));
  }

  /** Removes directories without a record, what a crash or a collection left, and waits until their space is free. */
  async sweep(): Promise<void> {
    for (const name of this.names) await sweepLayers(this.#db, this.#driver(name), () => this.#pending);
  }

  /** {@linkcode sweep} of one snapshotter, as a client asks for it. */
  async cleanup(scope: Scope, snapshotter: string): Promise<void> {
    checkScope(scope);
    await sweepLayers(this.#db, this.#driver(snapshotter), () => this.#pending);
  }

  /** Snapshotters by name. */
  get names(): string[] {
    return [...this.#snapshotters.keys()];
  }

  /** A directory made by `work` is removed again if it throws, and safe from sweeps until it is done. */
  async #withDirectory<T>(driver: Snapshotter, id: string, work: () => Promise<T>): Promise<T> {
    const name = placeOf(driver.name, id);
    this.#pending.add(name);
    try {
      return await work();
    } catch (error) {
      await driver.remove(id);
      throw error;
    } finally {
      this.#pending.delete(name);
    }
  }

  #driver(name: string): Snapshotter {
    if (!name) throw invalidArgument("snapshotter argument missing");
    const driver = this.#snapshotters.get(name);
    if (!driver) throw invalidArgument(`snapshotter not loaded: ${name}`);
    return driver;
  }

  #find(from: Reader, scope: Scope, snapshotter: string, key: string): SnapshotRecord | undefined {
    return from.get(snapshots, [scope.namespace, snapshotter, key]);
  }

  #get(from: Reader, scope: Scope, snapshotter: string, key: string): SnapshotRecord {
    const record = this.#find(from, scope, snapshotter, key);
    if (!record) throw notFound(`snapshot ${key} does not exist`);
    return record;
  }

  /** Directory numbers of `parent` and its parents, nearest first. Throws unless `parent` is committed. */
  #chain(from: Reader, scope: Scope, snapshotter: string, parent: string): string[] {
    const ids: string[] = [];
    for (let key = parent; key;) {
      const record = this.#find(from, scope, snapshotter, key);
      if (!record) throw notFound(`parent snapshot ${key} does not exist`);
      if (record.kind !== "committed") {
        throw invalidArgument(`parent ${JSON.stringify(key)} is not committed snapshot`);
      }
      ids.push(record.id);
      key = record.parent;
    }
    return ids;
  }
}

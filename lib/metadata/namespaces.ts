/** Namespaces: made by hand, or by the first resource in them. */
import { NamespaceCreate, NamespaceDelete, NamespaceUpdate } from "../api/events/namespace.ts";
import type { Namespace } from "../api/services/namespaces/v1/namespace.ts";
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from "../errors.ts";
import { checkIdentifier, type Publisher } from "../events/mod.ts";
import { anyOf } from "../rpc/any.ts";
import type { Scope } from "../scope.ts";
import type { Database, Key, Reader, Table, Transaction } from "./database.ts";
import { checkScope } from "./identifiers.ts";
import { checkLabels, keptLabels, updateLabels } from "./labels.ts";
import * as schema from "./schema.ts";

/** Makes the record of the scope's namespace if there is none yet. */
export function ensureNamespace(tx: Transaction, { namespace }: Scope): void {
  if (tx.has(schema.namespaces, [namespace])) return;
  checkScope({ namespace });
  tx.put(schema.namespaces, [namespace], { name: namespace, labels: {} });
}

/** All namespaces. */
export class NamespaceStore {
  readonly #db: Database;
  readonly #publisher: Publisher;

  constructor(db: Database, publisher: Publisher) {
    this.#db = db;
    this.#publisher = publisher;
  }

  /** The namespace; one that was never made has no labels, and is no error. */
  get(name: string): Namespace {
    return this.#db.get(schema.namespaces, [name]) ?? { name, labels: {} };
  }

  list(): Namespace[] {
    return this.#db.list(schema.namespaces).map(([, namespace]) => namespace);
  }

  /** Makes a namespace. The event is published in the namespace `caller`. @throws AlreadyExists */
  async create({ name, labels }: Namespace, caller = name): Promise<Namespace> {
    checkIdentifier(name);
    checkLabels(labels, "namespace.Labels");
    const namespace = { name, labels: keptLabels(labels) };
    await this.#db.write((tx) => {
      if (tx.has(schema.namespaces, [name])) throw alreadyExists(`namespace ${JSON.stringify(name)}`);
      tx.put(schema.namespaces, [name], namespace);
    });
    const event = anyOf("containerd.events.NamespaceCreate", NamespaceCreate, namespace);
    this.#publisher.publish(caller, "/namespaces/create", event);
    return namespace;
  }

  /** Changes labels: `paths` are "labels" or "labels.KEY"; none means all of them. */
  async update(
    { name, labels }: Namespace,
    paths: readonly string[] = [],
    caller = name,
  ): Promise<Namespace> {
    checkIdentifier(name);
    const updated = await this.#db.write((tx) => {
      const current = tx.get(schema.namespaces, [name])?.labels ?? {};
      const updated = updateLabels(current, labels, paths.length > 0 ? paths : ["labels"], (path) => {
        throw invalidArgument(`cannot update ${JSON.stringify(path)} field`);
      });
      checkLabels(updated, "namespace.Labels");
      tx.put(schema.namespaces, [name], { name, labels: updated });
      return { name, labels: updated };
    });
    const event = anyOf("containerd.events.NamespaceUpdate", NamespaceUpdate, updated);
    this.#publisher.publish(caller, "/namespaces/update", event);
    return updated;
  }

  /**
   * Deletes a namespace with its leases, ingests and mounts.
   *
   * @throws FailedPrecondition, listing what is left, unless it has no images, blobs, containers, sandboxes and snapshots
   */
  async delete(name: string): Promise<void> {
    await this.#db.write((tx) => {
      if (!tx.has(schema.namespaces, [name])) throw notFound(`namespace ${JSON.stringify(name)}`);
      const left = contents(tx, name);
      if (left.length > 0) {
        throw failedPrecondition(
          `namespace ${JSON.stringify(name)} must be empty, but it still has ${left.join(", ")}`,
        );
      }
      clear(tx, schema.leaseResources, [name]);
      clear(tx, schema.leases, [name]);
      clear(tx, schema.ingests, [name]);
      clear(tx, schema.mounts, [name]);
      tx.delete(schema.namespaces, [name]);
    });
    const event = anyOf("containerd.events.NamespaceDelete", NamespaceDelete, { name });
    this.#publisher.publish(name, "/namespaces/delete", event);
  }
}

function contents(tx: Reader, name: string): string[] {
  const left: string[] = [];
  if (tx.list(schema.images, [name]).length > 0) left.push("images");
  if (tx.list(schema.content, [name]).length > 0) left.push("blobs");
  if (tx.list(schema.containers, [name]).length > 0) left.push("containers");
  if (tx.list(schema.sandboxes, [name]).length > 0) left.push("sandboxes");
  const snapshotters = new Set(tx.list(schema.snapshots, [name]).map(([key]) => key[1]!));
  for (const snapshotter of snapshotters) {
    left.push(`snapshots on ${JSON.stringify(snapshotter)} snapshotter`);
  }
  return left;
}

function clear<T>(tx: Transaction, table: Table<T>, prefix: Key): void {
  for (const [key] of tx.list(table, prefix)) tx.delete(table, key);
}

/** Leases: what holds new resources until something else refers to them. */
import type { Lease, Resource } from "../api/services/leases/v1/leases.ts";
import { alreadyExists, invalidArgument, notFound, unimplemented } from "../errors.ts";
import { parseFilters } from "../filters/mod.ts";
import { now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import type { Database, Transaction } from "./database.ts";
import { labelsField } from "./fields.ts";
import { checkScope, digestFault } from "./identifiers.ts";
import { checkLabels, keptLabels, timeOf } from "./labels.ts";
import { ensureNamespace } from "./namespaces.ts";
import { leaseResources, leases } from "./schema.ts";

/** RFC 3339 time after which a lease counts no more. */
export const expireLabel = "containerd.io/gc.expire";

/**
 * Adds a resource to the scope's lease, in the transaction that creates the resource. Also makes the
 * namespace's record, which the first resource brings into being. Without a lease that is all.
 *
 * @throws NotFound if the lease does not exist or has expired.
 */
export function holdByLease(tx: Transaction, scope: Scope, resource: Resource): void {
  ensureNamespace(tx, scope);
  if (!scope.lease) return;
  const lease = tx.get(leases, [scope.namespace, scope.lease]);
  if (!lease || isExpired(lease)) throw notFound(`lease ${JSON.stringify(scope.lease)} does not exist`);
  tx.put(leaseResources, [scope.namespace, scope.lease, resource.type, resource.id], resource);
}

/** Takes a resource that was deleted out of the scope's lease, if it has one. */
export function releaseFromLease(tx: Transaction, scope: Scope, resource: Resource): void {
  if (!scope.lease) return;
  const key = [scope.namespace, scope.lease, resource.type, resource.id];
  if (tx.has(leaseResources, key)) tx.delete(leaseResources, key);
}

/** Whether the lease's time is over at `time` (milliseconds since the epoch). A time that is none never is. */
export function isExpired(lease: Lease, time = Date.now()): boolean {
  const end = timeOf(lease.labels[expireLabel]);
  return end !== undefined && time > end;
}

/** Deletes a lease and its list of resources. */
export function deleteLease(tx: Transaction, namespace: string, id: string): void {
  for (const [key] of tx.list(leaseResources, [namespace, id])) tx.delete(leaseResources, key);
  tx.delete(leases, [namespace, id]);
}

/** The leases of all namespaces. */
export class LeaseStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Makes a lease; `id` empty for a random one. */
  async create(scope: Scope, { id, labels }: Pick<Lease, "id" | "labels">): Promise<Lease> {
    checkScope(scope);
    checkLabels(labels, "lease.Labels");
    const lease: Lease = { id: id || randomId(), labels: keptLabels(labels), createdAt: now() };
    const key = [scope.namespace, lease.id];
    await this.#db.write((tx) => {
      ensureNamespace(tx, scope);
      if (tx.has(leases, key)) throw alreadyExists(`lease ${JSON.stringify(lease.id)}`);
      tx.put(leases, key, lease);
    });
    return lease;
  }

  /** @throws NotFound */
  get(scope: Scope, id: string): Lease {
    checkScope(scope);
    const lease = this.#db.get(leases, [scope.namespace, id]);
    if (!lease) throw missing(id);
    return lease;
  }

  /** Leases that match any of `filters`: fields id and labels.KEY. */
  list(scope: Scope, filters: readonly string[] = []): Lease[] {
    checkScope(scope);
    const match = parseFilters(filters);
    const all = this.#db.list(leases, [scope.namespace]).map(([, lease]) => lease);
    return all.filter((lease) =>
      match(([field, ...rest]) => field === "id" ? lease.id : labelsField(field, rest, lease.labels))
    );
  }

  /** Deletes a lease; what only it held is garbage from then on. */
  delete(scope: Scope, id: string): Promise<void> {
    return this.#change(scope, id, (tx) => deleteLease(tx, scope.namespace, id));
  }

  /** Adds a resource: "content", "ingests", "mounts" or "snapshots/<snapshotter>". It need not exist. */
  addResource(scope: Scope, id: string, resource: Resource): Promise<void> {
    return this.#change(scope, id, (tx) => {
      checkResource(resource);
      tx.put(leaseResources, [scope.namespace, id, resource.type, resource.id], resource);
    });
  }

  /** Takes a resource out; nothing happens if it is not in. */
  deleteResource(scope: Scope, id: string, resource: Resource): Promise<void> {
    return this.#change(scope, id, (tx) => {
      checkResource(resource);
      releaseFromLease(tx, { ...scope, lease: id }, resource);
    });
  }

  /** What the lease holds. */
  resources(scope: Scope, id: string): Resource[] {
    this.get(scope, id);
    return this.#db.list(leaseResources, [scope.namespace, id]).map(([, resource]) => resource);
  }

  #change(scope: Scope, id: string, change: (tx: Transaction) => void): Promise<void> {
    checkScope(scope);
    return this.#db.write((tx) => {
      if (!tx.has(leases, [scope.namespace, id])) throw missing(id);
      change(tx);
    });
  }
}

const missing = (id: string) => notFound(`lease ${JSON.stringify(id)}`);

function checkResource({ id, type }: Resource): void {
  const [kind, ...rest] = type.split("/");
  if (kind === "content" || kind === "ingests") {
    if (rest.length > 0) throw invalidArgument(`invalid resource type ${type}`);
    const fault = kind === "content" ? digestFault(id) : undefined;
    if (fault) throw invalidArgument(`invalid content resource id ${id}: ${fault}`);
  } else if (kind === "mounts") {
    if (rest.length > 0) throw invalidArgument(`invalid resource type ${type}`);
  } else if (kind === "snapshots") {
    if (rest.length !== 1 || !rest[0]) throw invalidArgument(`invalid snapshot resource type ${type}`);
  } else {
    throw unimplemented(`resource type ${type} not supported yet`);
  }
  if (id === "") throw invalidArgument(`resource of type ${type} has no id`);
}

function randomId(): string {
  const [nanos] = crypto.getRandomValues(new Uint32Array(1));
  return `${nanos! % 1_000_000_000}-${crypto.randomUUID().slice(0, 4)}`;
}

/** Containers: what tasks are made from. */
import { ContainerCreate, ContainerDelete, ContainerUpdate } from "../api/events/container.ts";
import type { Container } from "../api/services/containers/v1/containers.ts";
import { alreadyExists, invalidArgument, notFound } from "../errors.ts";
import { checkIdentifier, type Publisher } from "../events/mod.ts";
import { parseFilters } from "../filters/mod.ts";
import { anyOf } from "../rpc/any.ts";
import { now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import type { Database } from "./database.ts";
import { mapField, textField } from "./fields.ts";
import { checkScope } from "./identifiers.ts";
import { checkLabels, keptLabels, updateLabels } from "./labels.ts";
import { ensureNamespace } from "./namespaces.ts";
import { containers } from "./schema.ts";

/** The containers of all namespaces. */
export class ContainerStore {
  readonly #db: Database;
  readonly #publisher: Publisher;

  constructor(db: Database, publisher: Publisher) {
    this.#db = db;
    this.#publisher = publisher;
  }

  /** @throws NotFound */
  get(scope: Scope, id: string): Container {
    checkScope(scope);
    const container = this.#db.get(containers, [scope.namespace, id]);
    if (!container) {
      throw notFound(`container ${JSON.stringify(id)} in namespace ${JSON.stringify(scope.namespace)}`);
    }
    return container;
  }

  /** Containers that match any of `filters`: id, runtime.name, image, labels.KEY. */
  list(scope: Scope, filters: readonly string[] = []): Container[] {
    checkScope(scope);
    const match = parseFilters(filters);
    const all = this.#db.list(containers, [scope.namespace]).map(([, container]) => container);
    return all.filter((container) => match((path) => containerField(container, path)));
  }

  /** Makes a container, whatever times it came with. @throws AlreadyExists */
  async create(scope: Scope, container: Container): Promise<Container> {
    checkScope(scope);
    checkContainer(container, "create container failed validation");
    const created = { ...container, labels: keptLabels(container.labels), createdAt: now() };
    created.updatedAt = created.createdAt;
    await this.#db.write((tx) => {
      ensureNamespace(tx, scope);
      const key = [scope.namespace, created.id];
      if (tx.has(containers, key)) throw alreadyExists(`container ${JSON.stringify(created.id)}`);
      tx.put(containers, key, created);
    });
    const { id, image, runtime } = created;
    const event = anyOf("containerd.events.ContainerCreate", ContainerCreate, { id, image, runtime });
    this.#publisher.publish(scope.namespace, "/containers/create", event);
    return created;
  }

  /**
   * Changes what `paths` name: labels, labels.KEY, spec, extensions, extensions.KEY, image, snapshotkey; all of
   * them if none are given, and then snapshotter and runtime must be what they are.
   *
   * @throws NotFound, InvalidArgument
   */
  async update(scope: Scope, container: Container, paths: readonly string[] = []): Promise<Container> {
    checkScope(scope);
    if (container.id === "") throw invalidArgument("must specify a container id");
    const updated = await this.#db.write((tx) => {
      const key = [scope.namespace, container.id];
      const current = tx.get(containers, key);
      if (!current) throw notFound(`container ${JSON.stringify(container.id)}`);
      const updated = changed(current, container, paths);
      checkContainer(updated, "update failed validation");
      tx.put(containers, key, updated);
      return updated;
    });
    const event = anyOf("containerd.events.ContainerUpdate", ContainerUpdate, updated);
    this.#publisher.publish(scope.namespace, "/containers/update", event);
    return updated;
  }

  /** @throws NotFound */
  async delete(scope: Scope, id: string): Promise<void> {
    checkScope(scope);
    await this.#db.write((tx) => {
      const key = [scope.namespace, id];
      if (!tx.has(containers, key)) throw notFound(`container ${id}`);
      tx.delete(containers, key);
    });
    const event = anyOf("containerd.events.ContainerDelete", ContainerDelete, { id });
    this.#publisher.publish(scope.namespace, "/containers/delete", event);
  }
}

const replaced = ["labels", "spec", "extensions", "image", "snapshotkey"];

function changed(current: Container, wanted: Container, paths: readonly string[]): Container {
  if (paths.length === 0) {
    if (current.snapshotter !== wanted.snapshotter) {
      throw invalidArgument("container.Snapshotter field is immutable");
    }
    if (current.runtime?.name !== (wanted.runtime?.name ?? "")) {
      throw invalidArgument("container.Runtime.Name field is immutable");
    }
  }
  const updated = { ...current, updatedAt: now() };
  const fields = paths.length > 0 ? paths : replaced;
  updated.labels = updateLabels(current.labels, wanted.labels, fields, (path) => {
    if (path === "spec") updated.spec = wanted.spec;
    else if (path === "image") updated.image = wanted.image;
    else if (path === "snapshotkey" || path === "snapshot_key") updated.snapshotKey = wanted.snapshotKey;
    else if (path === "extensions") updated.extensions = { ...wanted.extensions };
    else if (path.startsWith("extensions.")) {
      const key = path.slice(11);
      updated.extensions = { ...updated.extensions };
      if (wanted.extensions[key]) updated.extensions[key] = wanted.extensions[key];
      else delete updated.extensions[key];
    } else {throw invalidArgument(
        `cannot update ${JSON.stringify(path)} field on ${JSON.stringify(current.id)}`,
      );}
  });
  return updated;
}

function checkContainer(container: Container, what: string): void {
  checkIdentifier(container.id, `${what}: container.ID`);
  if (Object.hasOwn(container.extensions, "")) {
    throw invalidArgument(`${what}: container.Extension keys must not be zero-length`);
  }
  checkLabels(container.labels, `${what}: containers.Labels`);
  if (!container.runtime?.name) throw invalidArgument(`${what}: container.Runtime.Name must be set`);
  if (!container.spec) throw invalidArgument(`${what}: container.Spec must be set`);
  if (container.snapshotKey !== "" && container.snapshotter === "") {
    throw invalidArgument(`${what}: container.Snapshotter must be set if container.SnapshotKey is set`);
  }
}

function containerField(container: Container, [field, ...rest]: string[]): string | undefined {
  switch (field) {
    case "id":
      return textField(container.id);
    case "runtime":
      return rest[0] === "name" ? textField(container.runtime?.name) : undefined;
    case "image":
      return textField(container.image);
    case "labels":
      return mapField(container.labels, rest);
  }
}

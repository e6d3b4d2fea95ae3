/** Sandboxes: what groups containers, a pod say. Only their records are kept here. */
import type { Sandbox } from "../api/types/sandbox.ts";
import { alreadyExists, invalidArgument, notFound } from "../errors.ts";
import { checkIdentifier } from "../events/mod.ts";
import { parseFilters } from "../filters/mod.ts";
import { now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import type { Database } from "./database.ts";
import { labelsField } from "./fields.ts";
import { checkScope } from "./identifiers.ts";
import { checkLabels, keptLabels, updateLabels } from "./labels.ts";
import { ensureNamespace } from "./namespaces.ts";
import { sandboxes } from "./schema.ts";

/** The sandboxes of all namespaces. */
export class SandboxStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws NotFound */
  get(scope: Scope, id: string): Sandbox {
    checkScope(scope);
    const sandbox = this.#db.get(sandboxes, [scope.namespace, id]);
    if (!sandbox) throw missing(id);
    return sandbox;
  }

  /** Sandboxes that match any of `filters`: id, labels.KEY. */
  list(scope: Scope, filters: readonly string[] = []): Sandbox[] {
    checkScope(scope);
    const match = parseFilters(filters);
    const all = this.#db.list(sandboxes, [scope.namespace]).map(([, sandbox]) => sandbox);
    return all.filter(({ sandboxId, labels }) =>
      match(([field, ...rest]) => field === "id" ? sandboxId : labelsField(field, rest, labels))
    );
  }

  /** Makes a sandbox, whatever times it came with. @throws AlreadyExists */
  async create(scope: Scope, sandbox: Sandbox): Promise<Sandbox> {
    checkScope(scope);
    checkSandbox(sandbox);
    const created = { ...sandbox, labels: keptLabels(sandbox.labels), createdAt: now() };
    const record: Sandbox = { ...created, updatedAt: created.createdAt };
    await this.#db.write((tx) => {
      ensureNamespace(tx, scope);
      const key = [scope.namespace, record.sandboxId];
      if (tx.has(sandboxes, key)) throw alreadyExists(`sandbox ${JSON.stringify(record.sandboxId)}`);
      tx.put(sandboxes, key, record);
    });
    return record;
  }

  /**
   * Changes what `paths` name: labels, labels.KEY, extensions, extensions.KEY, runtime, spec; all of them if none
   * are given, and then the runtime's name must be what it is.
   *
   * @throws NotFound, InvalidArgument
   */
  update(scope: Scope, sandbox: Sandbox, paths: readonly string[] = []): Promise<Sandbox> {
    checkScope(scope);
    return this.#db.write((tx) => {
      const key = [scope.namespace, sandbox.sandboxId];
      const current = tx.get(sandboxes, key);
      if (!current) throw missing(sandbox.sandboxId);
      const updated = changed(current, sandbox, paths);
      checkSandbox(updated);
      tx.put(sandboxes, key, updated);
      return updated;
    });
  }

  /** @throws NotFound */
  async delete(scope: Scope, id: string): Promise<void> {
    checkScope(scope);
    await this.#db.write((tx) => {
      const key = [scope.namespace, id];
      if (!tx.has(sandboxes, key)) throw missing(id);
      tx.delete(sandboxes, key);
    });
  }
}

const missing = (id: string) => notFound(`sandbox ${JSON.stringify(id)}`);
const replaced = ["labels", "extensions", "spec", "runtime"];
const extensionPath = "extensions.";

function changed(current: Sandbox, wanted: Sandbox, paths: readonly string[]): Sandbox {
  if (paths.length === 0 && (current.runtime?.name ?? "") !== (wanted.runtime?.name ?? "")) {
    throw invalidArgument("sandbox.Runtime.Name field is immutable");
  }
  const updated = { ...current, updatedAt: now() };
  updated.labels = updateLabels(current.labels, wanted.labels, paths.length ? paths : replaced, (path) => {
    if (path === "extensions") updated.extensions = { ...wanted.extensions };
    else if (path === "runtime") updated.runtime = wanted.runtime;
    else if (path === "spec") updated.spec = wanted.spec;
    else if (path.startsWith(extensionPath)) changeExtension(updated, wanted, path);
    else {throw invalidArgument(
        `cannot update ${JSON.stringify(path)} field on sandbox ${JSON.stringify(current.sandboxId)}`,
      );}
  });
  return updated;
}

/** One that isn't wanted any more is taken away. */
function changeExtension(updated: Sandbox, wanted: Sandbox, path: string): void {
  const key = path.slice(extensionPath.length);
  updated.extensions = { ...updated.extensions };
  if (wanted.extensions[key]) updated.extensions[key] = wanted.extensions[key];
  else delete updated.extensions[key];
}

function checkSandbox({ sandboxId, labels, extensions }: Sandbox): void {
  checkIdentifier(sandboxId, "invalid sandbox ID");
  checkLabels(labels, "sandbox.Labels");
  if (Object.hasOwn(extensions, "")) {
    throw invalidArgument("sandbox.Extensions keys must not be zero-length");
  }
}

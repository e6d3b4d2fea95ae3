/**
 * Finds garbage while the daemon goes on working. Marking runs in slices, so records change under it: whatever
 * is written meanwhile counts as live in this run, with all that it refers to; what a deletion sets free
 * may stay until the next run. So what is reported as garbage is garbage.
 */
import type { Change, Database } from "./database.ts";
import {
  idOf,
  isRootNode,
  labelsOf,
  named,
  type Node,
  type NodeKind,
  nodeTables,
  references,
} from "./gc_nodes.ts";
import { leaseResources } from "./schema.ts";

const kinds = Object.keys(nodeTables) as NodeKind[];
/** What lives until somebody deletes it. */
const lasting: readonly NodeKind[] = ["container", "sandbox"];
const kindOfTable = new Map(kinds.map((kind) => [nodeTables[kind].name, kind]));

/** The marks of one run. */
export class Marks {
  readonly #db: Database;
  readonly #time = Date.now();
  readonly #live = new Set<string>();
  readonly #todo: Node[] = [];
  /** Nodes that were written and are to be followed (again). */
  readonly #renewed = new Map<string, Node>();
  /** By node: those that live because it does. */
  readonly #backward = new Map<string, Node[]>();
  readonly #without: ReadonlySet<string>;

  /** Marks as if the nodes of the ids `without` were gone. */
  constructor(db: Database, without: ReadonlySet<string> = new Set()) {
    this.#db = db;
    this.#without = without;
  }

  isLive(node: Node): boolean {
    const id = idOf(node);
    return this.#live.has(id) || this.#live.has(flatId(id));
  }

  /** Takes note of a commit. */
  see(changes: readonly Change[]): void {
    for (const { table, key, deleted } of changes) {
      if (deleted) continue;
      const kind = kindOfTable.get(table);
      if (kind) this.#renew({ kind, key });
      else if (table === leaseResources.name) this.#renew({ kind: "lease", key: key.slice(0, 2) });
    }
  }

  /** Marks all that lives; resolves with the rest. */
  async garbage(pace: () => Promise<void> | undefined): Promise<Node[]> {
    for (const node of this.#nodes()) {
      this.#learnBackward(node);
      if (isRootNode(this.#db, node, this.#time)) this.#mark(node);
      await pace();
    }
    while (this.#step()) await pace();
    const garbage: Node[] = [];
    for (const node of this.#nodes()) {
      if (!lasting.includes(node.kind) && !this.isLive(node)) garbage.push(node);
      await pace();
    }
    return garbage;
  }

  /** Follows what was written since. */
  finish(): void {
    while (this.#step());
  }

  *#nodes(): Generator<Node> {
    for (const kind of kinds) {
      for (const key of this.#db.scan<unknown>(nodeTables[kind])) yield { kind, key };
    }
  }

  /** Marks a node that was written, and follows its references even if it was marked before. */
  #renew(node: Node): void {
    const id = idOf(node);
    this.#live.add(id);
    this.#renewed.set(id, node);
  }

  #learnBackward(node: Node): void {
    const [namespace = ""] = node.key;
    for (const target of named(namespace, labelsOf(this.#db, node), "bref")) {
      const id = idOf(target);
      const others = this.#backward.get(id);
      if (others) others.push(node);
      else this.#backward.set(id, [node]);
    }
  }

  #mark(node: Node): void {
    const id = node.flat ? flatId(idOf(node)) : idOf(node);
    if (this.#live.has(id) || this.#without.has(id)) return;
    this.#live.add(id);
    this.#todo.push(node);
  }

  #takeRenewed(): Node | undefined {
    for (const [id, node] of this.#renewed) {
      this.#renewed.delete(id);
      return node;
    }
  }

  #step(): boolean {
    const node = this.#todo.pop() ?? this.#takeRenewed();
    if (!node) return false;
    for (const other of references(this.#db, node)) this.#mark(other);
    for (const other of this.#backward.get(idOf(node)) ?? []) this.#mark(other);
    return true;
  }
}

const flatId = (id: string) => `${id}\0flat`;

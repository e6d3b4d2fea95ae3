/** What a namespace takes of the disk, how much of that nobody needs, and getting that back. */
import { Code, isError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { ContentStore } from "./content.ts";
import type { Database, Key } from "./database.ts";
import type { GarbageCollector } from "./gc.ts";
import { idOf, type Node, nodeTables, references } from "./gc_nodes.ts";
import { checkScope } from "./identifiers.ts";
import type { ImageStore } from "./images.ts";
import { pacer } from "./pacer.ts";
import * as schema from "./schema.ts";
import type { SnapshotStore } from "./snapshots.ts";

/** One thing that takes room. */
export interface DiskItem {
  readonly kind: Node["kind"];
  /** Name of an image, key of a snapshot, digest, ref or id. */
  readonly name: string;
  /** Of a snapshot; else empty. */
  readonly snapshotter: string;
  /** Bytes. Of an image: of all content and snapshots that it leads to, whoever shares them. */
  readonly size: number;
  /** Whether a prune takes it; of an image: a prune of all. */
  readonly reclaimable: boolean;
}

/** All things of one kind. Bytes of images are content and snapshots, and counted there too. */
export interface DiskTotal {
  readonly kind: Node["kind"];
  readonly count: number;
  readonly size: number;
  readonly reclaimable: number;
}

interface Rooms {
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly images: ImageStore;
  readonly collector: Pick<GarbageCollector, "find" | "run">;
}

/** Looks after the disk of a daemon. */
export class Housekeeping {
  readonly #db: Database;
  readonly #rooms: Rooms;

  constructor(db: Database, rooms: Rooms) {
    this.#db = db;
    this.#rooms = rooms;
  }

  /** What is there, one by one and in all. */
  async usage(scope: Scope, signal: AbortSignal): Promise<{ totals: DiskTotal[]; items: DiskItem[] }> {
    checkScope(scope);
    const pace = pacer(signal);
    const { collector } = this.#rooms;
    const garbage = await collector.find();
    const lost = new Set(garbage.map(idOf));
    const unused = this.#unusedImages(scope);
    const freed = await collector.find(unused);
    const sizes = new Map<string, number>();
    const items: DiskItem[] = [];
    const totals: DiskTotal[] = [];
    for (const kind of ["snapshot", "content", "ingest"] as const) {
      const own: DiskItem[] = [];
      for (const key of this.#keys(kind, scope)) {
        const node = { kind, key };
        const item = itemOf(node, await this.#sizeOf(scope, node), lost.has(idOf(node)));
        sizes.set(idOf(node), item.size);
        own.push(item);
        await pace();
      }
      items.push(...own);
      const reclaimable = await this.#freedBytes(scope, garbage.filter((node) => node.kind === kind), lost);
      totals.push({ kind, count: own.length, size: sumOf(own), reclaimable });
    }
    const free = new Set(unused.map(idOf));
    const all = new Set<string>();
    const images: DiskItem[] = [];
    for (const key of this.#keys("image", scope)) {
      const node: Node = { kind: "image", key };
      const parts = this.#partsOf(node);
      for (const part of parts) all.add(part);
      images.push(itemOf(node, bytesOf(parts, sizes), free.has(idOf(node))));
      await pace();
    }
    const more = freed.filter((node) => !lost.has(idOf(node)));
    const reclaimable = await this.#freedBytes(scope, more, new Set(freed.map(idOf)));
    const size = bytesOf(all, sizes);
    return {
      totals: [{ kind: "image", count: images.length, size, reclaimable }, ...totals],
      items: [...images, ...items],
    };
  }

  /**
   * Removes what nothing refers to, with `all` also images that no container uses; gives what went, or would go.
   * What others came to need meanwhile stays.
   */
  async prune(scope: Scope, { all, dryRun }: { all: boolean; dryRun: boolean }): Promise<DiskItem[]> {
    checkScope(scope);
    const { collector, images } = this.#rooms;
    const unused = all ? this.#unusedImages(scope) : [];
    const garbage = await collector.find(unused);
    const ids = new Set(garbage.map(idOf));
    const own = garbage.filter(({ kind, key }) => key[0] === scope.namespace && kind !== "container");
    const items: [Node, DiskItem][] = [];
    for (const node of own) {
      items.push([node, itemOf(node, await this.#freedBytes(scope, [node], ids), true)]);
    }
    if (!dryRun) {
      for (const node of unused) {
        // Somebody may have made a container of it by now.
        if (this.#usedImages(scope)(node)) continue;
        await images.delete(scope, node.key[1]!).catch(ignoreMissing);
      }
      await collector.run();
    }
    const isGone = ({ kind, key }: Node) => !this.#db.has<unknown>(nodeTables[kind], key);
    return items.filter(([node]) => dryRun || isGone(node)).map(([, item]) => item);
  }

  #keys(kind: Node["kind"], { namespace }: Scope): Key[] {
    return this.#db.keys<unknown>(nodeTables[kind], [namespace]);
  }

  #unusedImages(scope: Scope): Node[] {
    const isUsed = this.#usedImages(scope);
    return this.#keys("image", scope).map((key): Node => ({ kind: "image", key })).filter((node) =>
      !isUsed(node)
    );
  }

  /**
   * Containers tell the name of their image. Those of clients that don't, as dockerd's, are known by the snapshot that
   * theirs is made on.
   */
  #usedImages({ namespace }: Scope): (image: Node) => boolean {
    const names = new Set<string>();
    const bases = new Set<string>();
    for (const [, { image, snapshotter, snapshotKey }] of this.#db.list(schema.containers, [namespace])) {
      names.add(image);
      const parent = this.#db.get(schema.snapshots, [namespace, snapshotter, snapshotKey])?.parent;
      const named = image && this.#db.has(schema.images, [namespace, image]);
      if (parent && !named) bases.add(idOf({ kind: "snapshot", key: [namespace, snapshotter, parent] }));
    }
    return (image) =>
      names.has(image.key[1]!) || bases.size > 0 && this.#topsOf(image).some((top) => bases.has(top));
  }

  /** The snapshots that an image was unpacked into, without those below, by id. */
  #topsOf(image: Node): string[] {
    const contents = [...this.#partsOf(image)].filter((id) => id.startsWith("content\0"));
    return contents.flatMap((id) =>
      [...references(this.#db, { kind: "content", key: [image.key[0]!, id.slice(id.lastIndexOf("\0") + 1)] })]
        .filter(({ kind }) => kind === "snapshot").map(idOf)
    );
  }

  /** Content and snapshots that a node leads to, by id. */
  #partsOf(node: Node): Set<string> {
    const found = new Set<string>();
    const todo = [node];
    for (let next; (next = todo.pop());) {
      for (const part of references(this.#db, next)) {
        if (found.has(idOf(part))) continue;
        found.add(idOf(part));
        todo.push(part);
      }
    }
    return found;
  }

  /** Bytes of a node itself; 0 for what has gone by now, and for what takes none. */
  async #sizeOf(scope: Scope, { kind, key: [, name = "", third = ""] }: Node): Promise<number> {
    const { content, snapshots } = this.#rooms;
    try {
      if (kind === "content") return Number(content.info(scope, name).size);
      if (kind === "ingest") return Number((await content.status(scope, name)).offset);
      return kind === "snapshot" ? (await snapshots.usage(scope, name, third)).size : 0;
    } catch (error) {
      ignoreMissing(error);
      return 0;
    }
  }

  /** Bytes that are free when the garbage `lost` is gone: another namespace may have the same blob. */
  async #freedBytes(scope: Scope, nodes: readonly Node[], lost: ReadonlySet<string>): Promise<number> {
    let sum = 0;
    for (const node of nodes) {
      if (node.key[0] !== scope.namespace) continue;
      if (node.kind === "content" && this.#isKeptElsewhere(node, lost)) continue;
      sum += await this.#sizeOf(scope, node);
    }
    return sum;
  }

  #isKeptElsewhere({ key: [own, digest] }: Node, lost: ReadonlySet<string>): boolean {
    return this.#db.keys(schema.namespaces).some(([name]) => {
      const key = [name!, digest!];
      return name !== own && this.#db.has(schema.content, key) && !lost.has(idOf({ kind: "content", key }));
    });
  }
}

function itemOf(
  { kind, key: [, name = "", third = ""] }: Node,
  size: number,
  reclaimable: boolean,
): DiskItem {
  const isSnapshot = kind === "snapshot";
  return { kind, name: isSnapshot ? third : name, snapshotter: isSnapshot ? name : "", size, reclaimable };
}

const sumOf = (items: readonly DiskItem[]) => items.reduce((sum, { size }) => sum + size, 0);

function bytesOf(ids: Iterable<string>, sizes: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const id of ids) sum += sizes.get(id) ?? 0;
  return sum;
}

function ignoreMissing(error: unknown): void {
  if (!isError(error, Code.NotFound)) throw error;
}

/**
 * What refers to what. Things that may be garbage are nodes; a node's references are nodes that live because
 * it does. Labels `containerd.io/gc.ref.*` refer forward, `containerd.io/gc.bref.*` backward: the thing with
 * the label lives because the thing that it names does. A label's name may end in `.anything` or `/anything`,
 * so that there can be several.
 */
import type { IngestRecord, SnapshotRecord } from "./schema.ts";
import type { Key, Reader } from "./database.ts";
import { timeOf } from "./labels.ts";
import type { Labels } from "./labels.ts";
import { expireLabel, isExpired } from "./leases.ts";
import * as schema from "./schema.ts";

/** Kinds of things that may be garbage, and containers and sandboxes, which only refer to others. */
export type NodeKind =
  | "lease"
  | "image"
  | "container"
  | "sandbox"
  | "snapshot"
  | "mount"
  | "ingest"
  | "content";

/** A node: its kind and its key in its table. A flat node counts, but what its labels name does not. */
export interface Node {
  readonly kind: NodeKind;
  readonly key: Key;
  readonly flat?: boolean;
}

const prefix = "containerd.io/gc.";
/** An ingest without a lease is kept this long after it began. */
const ingestMillis = 24 * 60 * 60 * 1000;

/** A node as a string, for sets. */
export function idOf({ kind, key }: Node): string {
  return `${kind}\0${key.join("\0")}`;
}

/** The nodes that labels like `<which>.<kind>...` name; `which` is "ref" or "bref". */
export function* named(namespace: string, labels: Labels, which: "ref" | "bref"): Generator<Node> {
  const start = `${prefix}${which}.`;
  for (const [label, value] of Object.entries(labels)) {
    if (!label.startsWith(start)) continue;
    const rest = label.slice(start.length);
    const kind = /^(content|image|container)(?:$|[./])/.exec(rest)?.[1] as NodeKind | undefined;
    if (kind && (kind !== "container" || which === "bref")) yield { kind, key: [namespace, value] };
    const snapshotter = /^snapshot\.([^/]+)/.exec(rest)?.[1];
    if (snapshotter) yield { kind: "snapshot", key: [namespace, snapshotter, value] };
  }
}

/** Whether labels make a thing a root at `time`. */
export function isRoot(labels: Labels, time: number): boolean {
  if (labels[`${prefix}root`] !== undefined) return true;
  const end = timeOf(labels[expireLabel]);
  return end !== undefined && time <= end;
}

/** What a live node refers to. A node without a record refers to nothing. */
export function* references(reader: Reader, node: Node): Generator<Node> {
  const [namespace = ""] = node.key;
  switch (node.kind) {
    case "content":
      if (!node.flat) yield* named(namespace, reader.get(schema.content, node.key)?.labels ?? {}, "ref");
      return;
    case "snapshot":
      yield* snapshotReferences(node, reader.get(schema.snapshots, node.key));
      return;
    case "mount":
      return;
    case "ingest": {
      const expected = reader.get(schema.ingests, node.key)?.expected;
      if (expected) yield { kind: "content", key: [namespace, expected] };
      return;
    }
    case "image": {
      const image = reader.get(schema.images, node.key);
      if (!image) return;
      if (image.target) yield { kind: "content", key: [namespace, image.target.digest] };
      yield* named(namespace, image.labels, "ref");
      return;
    }
    case "container": {
      const container = reader.get(schema.containers, node.key);
      if (!container) return;
      const { snapshotter, snapshotKey, labels } = container;
      if (snapshotter) yield { kind: "snapshot", key: [namespace, snapshotter, snapshotKey] };
      yield* named(namespace, labels, "ref");
      return;
    }
    case "sandbox":
      yield* named(namespace, reader.get(schema.sandboxes, node.key)?.labels ?? {}, "ref");
      return;
    case "lease":
      yield* leaseReferences(reader, node);
  }
}

function* snapshotReferences({ key, flat }: Node, snapshot: SnapshotRecord | undefined): Generator<Node> {
  if (!snapshot) return;
  const [namespace, snapshotter] = key as [string, string];
  if (snapshot.parent) yield { kind: "snapshot", key: [namespace, snapshotter, snapshot.parent], flat };
  if (!flat) yield* named(namespace, snapshot.labels, "ref");
}

function* leaseReferences(reader: Reader, { key }: Node): Generator<Node> {
  const [namespace = ""] = key;
  const flat = reader.get(schema.leases, key)?.labels[`${prefix}flat`] !== undefined;
  for (const [[, , type, id]] of reader.list(schema.leaseResources, key)) {
    const [kind, snapshotter] = type!.split("/");
    if (kind === "content") yield { kind, key: [namespace, id!], flat };
    else if (kind === "mounts") yield { kind: "mount", key: [namespace, id!] };
    else if (kind === "ingests") yield { kind: "ingest", key: [namespace, id!] };
    else if (kind === "snapshots") yield { kind: "snapshot", key: [namespace, snapshotter!, id!], flat };
  }
}

/** Whether a node lives by itself at `time`. */
export function isRootNode(reader: Reader, { kind, key }: Node, time: number): boolean {
  switch (kind) {
    case "container":
      return reader.has(schema.containers, key);
    case "sandbox":
      return reader.has(schema.sandboxes, key);
    case "image": {
      const end = timeOf(reader.get(schema.images, key)?.labels[expireLabel]);
      return end === undefined || time <= end;
    }
    case "lease": {
      const lease = reader.get(schema.leases, key);
      return lease !== undefined && !isExpired(lease, time);
    }
    case "content":
      return isRoot(reader.get(schema.content, key)?.labels ?? {}, time);
    case "snapshot":
      return isRoot(reader.get(schema.snapshots, key)?.labels ?? {}, time);
    case "mount":
      return isRoot(reader.get(schema.mounts, key)?.labels ?? {}, time);
    case "ingest":
      return isUnderWay(reader, key, reader.get(schema.ingests, key), time);
  }
}

function isUnderWay(reader: Reader, key: Key, ingest: IngestRecord | undefined, time: number): boolean {
  if (!ingest) return false;
  if (!ingest.lease) return time <= ingest.startedAt + ingestMillis;
  const lease = reader.get(schema.leases, [key[0]!, ingest.lease]);
  return lease !== undefined && !isExpired(lease, time);
}

/** The tables whose records are nodes. */
export const nodeTables = {
  lease: schema.leases,
  image: schema.images,
  container: schema.containers,
  sandbox: schema.sandboxes,
  snapshot: schema.snapshots,
  mount: schema.mounts,
  ingest: schema.ingests,
  content: schema.content,
} as const;

/** Labels of a node, for its back references. */
export function labelsOf(reader: Reader, { kind, key }: Node): Labels {
  if (kind === "content") return reader.get(schema.content, key)?.labels ?? {};
  if (kind === "snapshot") return reader.get(schema.snapshots, key)?.labels ?? {};
  if (kind === "mount") return reader.get(schema.mounts, key)?.labels ?? {};
  return {};
}

/** Removes the records of garbage. */
import { ContentDelete } from "../api/events/content.ts";
import { ImageDelete } from "../api/events/image.ts";
import { SnapshotRemove } from "../api/events/snapshot.ts";
import type { Publisher } from "../events/mod.ts";
import { anyOf } from "../rpc/any.ts";
import type { Reader, Transaction } from "./database.ts";
import { idOf, type Node, nodeTables } from "./gc_nodes.ts";
import { deleteLease } from "./leases.ts";
import type { Pace } from "./pacer.ts";
import { content, snapshots } from "./schema.ts";

/**
 * Garbage in the order in which it may go, piece by piece: what refers before what is referred to, so that
 * nothing is ever there without its parts.
 */
export async function inOrder(reader: Reader, garbage: readonly Node[], pace: Pace): Promise<Node[]> {
  const depths = new Map<string, number>();
  const depth = (node: Node): number => {
    const chain: string[] = [];
    let at: Node | undefined = node;
    while (at && !depths.has(idOf(at))) {
      chain.push(idOf(at));
      const parent: string | undefined = reader.get(snapshots, at.key)?.parent;
      at = parent ? { kind: "snapshot", key: [at.key[0]!, at.key[1]!, parent] } : undefined;
    }
    let deepest = at ? depths.get(idOf(at))! : 0;
    for (const id of chain.reverse()) depths.set(id, ++deepest);
    return deepest;
  };
  const rank = (node: Node): number => {
    if (node.kind === "snapshot") return 1_000_000 - depth(node);
    if (node.kind === "content") return 2_000_000 - references(reader, node);
    return 0;
  };
  // Few ranks, many nodes: sorting all of them would take too long at a stretch.
  const ranks = new Map<number, Node[]>();
  for (const node of garbage) {
    const at = rank(node);
    const others = ranks.get(at);
    if (others) others.push(node);
    else ranks.set(at, [node]);
    await pace();
  }
  return [...ranks].sort(([one], [other]) => one - other).flatMap(([, nodes]) => nodes);
}

/** How many others a blob names: an index names manifests, and they name layers. */
function references(reader: Reader, node: Node): number {
  const labels = Object.keys(reader.get(content, node.key)?.labels ?? {});
  if (labels.some((label) => label.includes("gc.ref.content.m."))) return 2;
  return labels.some((label) => label.includes("gc.ref.content")) ? 1 : 0;
}

/** Deletes the record of one node. */
export function removeNode(tx: Transaction, node: Node): void {
  if (node.kind === "lease") deleteLease(tx, node.key[0]!, node.key[1]!);
  else tx.delete<unknown>(nodeTables[node.kind], node.key);
}

/** Tells that a node has gone. Leases and ingests have no event. */
export function publishRemoval(publisher: Publisher, { kind, key }: Node): void {
  const [namespace = "", name = "", third = ""] = key;
  if (kind === "content") {
    const event = anyOf("containerd.events.ContentDelete", ContentDelete, { digest: name });
    publisher.publish(namespace, "/content/delete", event);
  } else if (kind === "image") {
    publisher.publish(
      namespace,
      "/images/delete",
      anyOf("containerd.services.images.v1.ImageDelete", ImageDelete, { name }),
    );
  } else if (kind === "snapshot") {
    const event = { key: third, snapshotter: name };
    const any = anyOf("containerd.events.SnapshotRemove", SnapshotRemove, event);
    publisher.publish(namespace, "/snapshot/remove", any);
  }
}

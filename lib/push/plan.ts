/** What of an image is pushed: all of it, or the platforms that are here, or those that were asked for. */
import { createHash } from "node:crypto";
import { notFound } from "../errors.ts";
import { type Descriptor, formatPlatform, matches, type Platform, suitable } from "../images/mod.ts";
import { nameOf, type Node } from "./tree.ts";

/** An image by the name that errors call it. */
export interface Named {
  readonly name: string;
  readonly target: Descriptor;
}

/** Which platforms are to be pushed. */
export interface Wish {
  /** Empty for those that are here. */
  readonly platforms: readonly Platform[];
  /** Nothing may be left out. */
  readonly all: boolean;
}

/** What is pushed. */
export interface Plan {
  readonly root: Node;
  /** Images that aren't here and are left out. */
  readonly skipped: readonly Node[];
}

/**
 * Chooses what of a tree is pushed. An index of which a part is left out becomes an index of the rest, since
 * registries take none that names what they haven't got; or, if one image is left, that image.
 * Throws NotFound, naming the platform, what is missing of it and the command that fetches it.
 */
export function planPush(tree: Node, name: string, { platforms, all }: Wish): Plan {
  const plan = planOf(tree, name, { platforms, all });
  if (!plan.root.bytes) throw incomplete([plan.root], name, all);
  return plan;
}

function planOf(tree: Node, name: string, { platforms, all }: Wish): Plan {
  if (platforms.length > 0) return { root: chosen(tree, name, platforms), skipped: [] };
  if (isWhole(tree)) return { root: tree, skipped: [] };
  const skipped = brokenLeaves(tree);
  const root = reduce(tree, (leaf) => leaf.missing.length === 0);
  if (all || !root || root.missing.length > 0) throw incomplete(skipped.length ? skipped : [tree], name, all);
  return { root, skipped };
}

function chosen(tree: Node, name: string, platforms: readonly Platform[]): Node {
  const wanted = new Set<Node>();
  for (const platform of platforms) {
    const leaf = find(tree, platform);
    if (!leaf) throw notFound(`${name}: no image for ${formatPlatform(platform)} in it`);
    if (leaf.missing.length > 0) throw incomplete([leaf], name, false, platform);
    wanted.add(leaf);
  }
  const digests = new Set([...wanted].map(({ target }) => target.digest));
  const tellsOf = ({ target }: Node) => digests.has(target.annotations["vnd.docker.reference.digest"] ?? "");
  return reduce(tree, (leaf) => wanted.has(leaf) || leaf.missing.length === 0 && tellsOf(leaf))!;
}

/** The image for a platform below a node. */
function find(node: Node, platform: Platform): Node | undefined {
  if (node.document?.kind !== "index") {
    return !node.platform || matches(platform, node.platform) ? node : undefined;
  }
  for (
    const { child } of suitable(platform, node.children.map((child) => ({ child, platform: child.platform })))
  ) {
    const found = find(child, platform);
    if (found) return found;
  }
  return undefined;
}

const isWhole = (node: Node): boolean => node.missing.length === 0 && node.children.every(isWhole);

function brokenLeaves(node: Node): Node[] {
  if (node.document?.kind !== "index") return node.missing.length > 0 ? [node] : [];
  return node.children.flatMap(brokenLeaves);
}

/** A tree of the leaves that are kept; undefined for none. */
function reduce(node: Node, isKept: (leaf: Node) => boolean): Node | undefined {
  if (node.document?.kind !== "index") return isKept(node) ? node : undefined;
  const kept = node.children.flatMap((child) => {
    const rest = reduce(child, isKept);
    return rest ? [{ child, rest }] : [];
  });
  const changed = kept.length < node.children.length || kept.some(({ child, rest }) => child !== rest);
  if (!changed) return node;
  if (kept.length <= 1 && node.blobs.length === 0) return kept[0]?.rest;
  const replaced = new Map(kept.map(({ child, rest }) => [child.target.digest, rest.target]));
  return rewritten(node, replaced, kept.map(({ rest }) => rest));
}

/** The index with some of its entries taken out or replaced, the rest as its maker wrote it. */
function rewritten(node: Node, targets: Map<string, Descriptor>, children: readonly Node[]): Node {
  const document = JSON.parse(new TextDecoder().decode(node.bytes));
  const others = new Set(node.blobs.map(({ digest }) => digest));
  document.manifests = document.manifests.flatMap((entry: { digest: string }) => {
    const target = targets.get(entry.digest);
    if (!target) return others.has(entry.digest) ? [entry] : [];
    if (target.digest === entry.digest) return [entry];
    const { mediaType, digest, size } = target;
    return [{ ...entry, mediaType, digest, size }];
  });
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { ...node, target: { ...node.target, digest, size: bytes.length }, bytes, children };
}

function incomplete(nodes: readonly Node[], name: string, all: boolean, platform?: Platform): Error {
  const [first] = nodes;
  const label = platform ? formatPlatform(platform) : nameOf(first!);
  const more = nodes.length > 1 ? `, nor all of ${nodes.slice(1).map(nameOf).join(", ")}` : "";
  const flag = platform || first!.platform?.os && !all ? ` --platform ${label}` : "";
  // Layers alone are missing when they were dropped after unpacking: fetched so, they stay.
  const packed = nodes.every(lacksLayersOnly) ? " --no-unpack" : "";
  const command = `ctr images pull${packed}${all ? " --all-platforms" : flag} ${name}`;
  return notFound(
    `${name}: ${label} is not all here (${
      first!.missing[0] ?? "no image"
    })${more}; fetch it with: ${command}`,
  );
}

const lacksLayersOnly = ({ missing }: Node) => missing.every((what) => what.startsWith("layer "));

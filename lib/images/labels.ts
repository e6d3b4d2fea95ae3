/** Labels that tie an image's content together, for the garbage collector and for pushes. */
import type { Reference } from "../remotes/mod.ts";
import {
  type Descriptor,
  type Index,
  isConfigType,
  isIndexType,
  isManifestType,
  type Manifest,
} from "./types.ts";

const REF = "containerd.io/gc.ref.content";
const SOURCE = "containerd.io/distribution.source.";

/** On a layer's blob: the digest of the tar in it. */
export const uncompressedLabel = "containerd.io/uncompressed";

/** On a config's blob: the snapshot that its image is unpacked into. */
export const snapshotLabel = (snapshotter: string) => `containerd.io/gc.ref.snapshot.${snapshotter}`;

/** What a manifest or an index refers to, the config first. */
export function childrenOf(document: Manifest | Index): readonly Descriptor[] {
  return document.kind === "index" ? document.manifests : [document.config, ...document.layers];
}

/** The labels by which a manifest or an index keeps its children: `.config`, `.l.N`, `.m.N`. */
export function childLabels(document: Manifest | Index): Record<string, string> {
  const counts = new Map<string, number>();
  const labels: Record<string, string> = {};
  for (const [position, child] of childrenOf(document).entries()) {
    const prefix = prefixFor(child.mediaType, document.kind === "manifest" && position === 0);
    if (!prefix.endsWith(".")) {
      labels[prefix] = child.digest;
      continue;
    }
    const n = counts.get(prefix) ?? 0;
    counts.set(prefix, n + 1);
    labels[`${prefix}${n}`] = child.digest;
  }
  return labels;
}

/** Whether a label is one of {@linkcode childLabels}. */
export const isChildLabel = (name: string): boolean => name.startsWith(`${REF}.`);

function prefixFor(mediaType: string, isConfig: boolean): string {
  if (isConfig || isConfigType(mediaType)) return `${REF}.config`;
  if (isIndexType(mediaType) || isManifestType(mediaType)) return `${REF}.m.`;
  return `${REF}.l.`;
}

/** The label that says where content came from; `before` is its value so far. */
export function sourceLabel({ host, repository }: Reference, before = ""): Record<string, string> {
  const repositories = new Set([...before.split(","), repository].filter((one) => one));
  return { [sourceLabelName({ host })]: [...repositories].sort().join(",") };
}

/** The name of {@linkcode sourceLabel}'s label. */
export function sourceLabelName({ host }: Pick<Reference, "host">): string {
  // Without the port, as containerd writes it.
  return SOURCE + host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

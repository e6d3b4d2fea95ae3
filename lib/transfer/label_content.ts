/** Labels of content, written only where they change something. */
import { isChildLabel } from "../images/mod.ts";
import type { ContentStore } from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";

/** Gives a blob the labels that it hasn't yet. Throws NotFound. */
export async function labelContent(
  content: ContentStore,
  scope: Scope,
  digest: string,
  labels: Record<string, string>,
): Promise<void> {
  const there = content.info(scope, digest).labels;
  const missing = Object.keys(labels).filter((name) => there[name] !== labels[name]);
  if (missing.length === 0) return;
  await content.update(scope, { digest, labels }, missing.map((name) => `labels.${name}`));
}

/** Has a manifest keep its layers' blobs no more: the next collection frees those that nothing else keeps. */
export async function releaseLayers(
  content: ContentStore,
  scope: Scope,
  digest: string,
  layers: readonly { readonly digest: string }[],
): Promise<void> {
  const digests = new Set(layers.map(({ digest }) => digest));
  const { labels } = content.info(scope, digest);
  const keeping = Object.keys(labels).filter((name) => isChildLabel(name) && digests.has(labels[name]!));
  if (keeping.length === 0) return;
  await content.update(scope, { digest, labels: {} }, keeping.map((name) => `labels.${name}`));
}

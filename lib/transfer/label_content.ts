/** Labels of content, written only where they change something. */
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

/** Where an image's blobs may be had again. */
import type { Image } from "../api/services/images/v1/images.ts";
import { parseReference, type Reference } from "../remotes/mod.ts";
import { rebuiltHost } from "./rebuild_records.ts";

const label = "containerd.io/distribution.source.";

/**
 * References of repositories, best first: the image's name, then those that the labels of the blob, and of the
 * image's target, name. A label has the host without its port, which the image's name may know.
 */
export function sourcesOf(
  { name, target }: Image,
  ...labels: readonly Readonly<Record<string, string>>[]
): string[] {
  const found = new Set<string>();
  const own = referenceOf(name);
  if (own && own.host !== rebuiltHost) found.add(name);
  const tail = `@${target!.digest}`;
  for (const [key, value] of labels.flatMap((one) => Object.entries(one))) {
    if (!key.startsWith(label)) continue;
    const named = key.slice(label.length);
    const host = own && own.host.replace(/:\d+$/, "") === named ? own.host : named;
    for (const repository of value.split(",")) {
      const reference = `${host}/${repository}${tail}`;
      if (own?.host === host && own.repository === repository) continue;
      if (referenceOf(reference)) found.add(reference);
    }
  }
  return [...found];
}

function referenceOf(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}

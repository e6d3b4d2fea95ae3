/** Giving the layers of unpacked images back: their files are in snapshots, their blobs can be fetched again. */
import { Code, isError } from "../errors.ts";
import { isIndexType, isManifestType, readDocument, type Root, snapshotLabel } from "../images/mod.ts";
import { ContentClient } from "./content.ts";
import { createLease } from "./lease.ts";
import type { Services } from "./services.ts";

/** On a manifest: what keeps its layers. */
const layerReference = "containerd.io/gc.ref.content.l.";
const snapshotReference = snapshotLabel("");

/**
 * Has the garbage collector take the layers of the manifests below `target` that are unpacked, and waits for it.
 * Layers that other images hold stay.
 */
export async function discardLayers(services: Services, target: Root): Promise<void> {
  const content = new ContentClient(services);
  await letGo(content, target);
  // The end of a lease is what makes a daemon collect at once.
  await using lease = await createLease(services);
  await lease.delete({ sync: true });
}

async function letGo(content: ContentClient, target: Root): Promise<void> {
  const labels = await labelsOf(content, target.digest);
  if (!labels) return;
  const document = await readDocument(content, { namespace: "" }, target);
  if (document.kind === "index") {
    for (const child of document.manifests) {
      if (isIndexType(child.mediaType) || isManifestType(child.mediaType)) await letGo(content, child);
    }
    return;
  }
  const config = await labelsOf(content, document.config.digest) ?? {};
  if (!Object.keys(config).some((name) => name.startsWith(snapshotReference))) return;
  const held = Object.keys(labels).filter((name) => name.startsWith(layerReference));
  if (held.length > 0) await content.label(target.digest, Object.fromEntries(held.map((name) => [name, ""])));
}

async function labelsOf(content: ContentClient, digest: string): Promise<Record<string, string> | undefined> {
  try {
    return (await content.info(digest)).labels;
  } catch (error) {
    if (isError(error, Code.NotFound)) return undefined;
    throw error;
  }
}

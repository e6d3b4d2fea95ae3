/** Finds the image that a user means. */
import { type Image, ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Code, isError, notFound } from "../../errors.ts";
import type { Daemon } from "../connect.ts";

/**
 * The image of a name: as it is written, else as docker reads it. Throws NotFound, which says if another
 * namespace has it.
 */
export async function findImage(daemon: Daemon, name: string): Promise<Image> {
  const image = await lookUpImage(daemon, name);
  if (image) return image;
  throw notFound(`image ${JSON.stringify(name)}${await namespacesWith(daemon, await readings(name))}`);
}

/** The same, or undefined. */
export async function lookUpImage(daemon: Daemon, name: string): Promise<Image | undefined> {
  const { namespace } = daemon.globals;
  const exact = await get(daemon, namespace, name);
  if (exact) return exact;
  const names = await readings(name);
  for (const reading of names.slice(1)) {
    const image = await get(daemon, namespace, reading);
    if (image) return image;
  }
  return undefined;
}

/** A name and, if it is short, its canonical form. */
async function readings(name: string): Promise<string[]> {
  const { canonicalReference } = await import("./reference.ts");
  try {
    const canonical = await canonicalReference(name);
    return canonical === name ? [name] : [name, canonical];
  } catch {
    return [name];
  }
}

async function get(daemon: Daemon, namespace: string, name: string): Promise<Image | undefined> {
  try {
    return (await daemon.stub(ImagesDefinition, { namespace }).get({ name })).image;
  } catch (error) {
    if (isError(error, Code.NotFound)) return undefined;
    throw error;
  }
}

async function namespacesWith(daemon: Daemon, names: readonly string[]): Promise<string> {
  const { NamespacesDefinition } = await import("../../api/services/namespaces/v1/namespace.ts");
  const here = daemon.globals.namespace;
  const { namespaces } = await daemon.stub(NamespacesDefinition).list({});
  for (const { name: namespace } of namespaces) {
    if (namespace === here) continue;
    for (const name of names) {
      if (await get(daemon, namespace, name)) {
        return ` in namespace ${JSON.stringify(here)} (namespace ${
          JSON.stringify(namespace)
        } has it: use -n ${namespace})`;
      }
    }
  }
  return "";
}

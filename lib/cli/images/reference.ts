/** References as users write them. */

/** What a short name stands for: `alpine` is `docker.io/library/alpine:latest`. Full ones stay as they are. */
export async function canonicalReference(name: string): Promise<string> {
  const { normalizeReference } = await import("../../remotes/mod.ts");
  return String(normalizeReference(name));
}

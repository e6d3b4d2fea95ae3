/** Chain IDs: names for layers applied on top of each other. Source: OCI image spec, config.md. */
import { createHash } from "node:crypto";

/** The chain ID of each layer and all below it, lowest first. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(
      parent ? `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}` : diffId,
    );
  }
  return chain;
}

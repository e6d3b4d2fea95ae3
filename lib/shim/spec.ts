/** The few things that the shim wants to know of a bundle's config.json. */

/** What decides by which way a container is started and removed. */
export interface SpecFacts {
  /** Whether its processes die with its first one: it has a pid namespace of its own. */
  readonly ownPids: boolean;
  /** Whether runc has something to do after the start. */
  readonly startHooks: boolean;
  /** Whether runc has something to do after the end. */
  readonly stopHooks: boolean;
}

interface Spec {
  linux?: { namespaces?: { type: string; path?: string }[] };
  hooks?: { poststart?: unknown[]; startContainer?: unknown[]; poststop?: unknown[] };
}

/** Reads them. */
export async function readSpecFacts(bundle: string): Promise<SpecFacts> {
  const { linux, hooks }: Spec = JSON.parse(await Deno.readTextFile(`${bundle}/config.json`));
  return {
    ownPids: (linux?.namespaces ?? []).some(({ type, path }) => type === "pid" && !path),
    startHooks: (hooks?.poststart ?? []).length > 0,
    stopHooks: (hooks?.poststop ?? []).length > 0,
  };
}

/** The few things that the shim wants to know of a bundle's config.json. */

/** What decides by which way a container is started and removed. */
export interface SpecFacts {
  /** Whether its processes die with its first one: it has a pid namespace of its own. */
  readonly ownPids: boolean;
  /** Whether runc has something to do after the start. */
  readonly startHooks: boolean;
  /** Whether runc has something to do after the end. */
  readonly stopHooks: boolean;
  /** Where mounts are that show other owners than are on disk. */
  readonly mappedMounts: readonly string[];
}

interface Spec {
  mounts?: { destination: string; options?: string[]; uidMappings?: unknown[]; gidMappings?: unknown[] }[];
  linux?: { namespaces?: { type: string; path?: string }[] };
  hooks?: { poststart?: unknown[]; startContainer?: unknown[]; poststop?: unknown[] };
}

/** Reads them. */
export function readSpecFacts(bundle: string): SpecFacts {
  const { linux, hooks, mounts }: Spec = JSON.parse(Deno.readTextFileSync(`${bundle}/config.json`));
  return {
    ownPids: (linux?.namespaces ?? []).some(({ type, path }) => type === "pid" && !path),
    startHooks: (hooks?.poststart ?? []).length > 0,
    stopHooks: (hooks?.poststop ?? []).length > 0,
    mappedMounts: (mounts ?? []).filter(isMapped).map(({ destination }) => destination),
  };
}

const isMapped = ({ options, uidMappings, gidMappings }: NonNullable<Spec["mounts"]>[number]) =>
  !!(uidMappings?.length || gidMappings?.length ||
    options?.some((one) => one === "idmap" || one === "ridmap"));

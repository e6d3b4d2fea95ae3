/** What an image says of its containers. Source: OCI image spec, config.md. */

/** The part of an image's configuration that a container is made by. */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** Prefixes of labels by which daemons are told what to do: an image must not (CVE-2026-53488). */
const reserved = /^(io\.)?(containerd|cri-containerd|longshore)(\.|\/|$)|^nerdctl\//;

/** An image's labels that its containers get: all but those that would be orders. */
export function containerLabels({ Labels = {} }: ImageConfig): Record<string, string> {
  return Object.fromEntries(Object.entries(Labels).filter(([key]) => !reserved.test(key)));
}

/** Environments put together: of one name the last value counts; a bare `NAME` takes it away. */
export function mergeEnv(...environments: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of environments.flat()) {
    const at = entry.indexOf("=");
    const name = at < 0 ? entry : entry.slice(0, at);
    if (at < 0) merged.delete(name);
    else merged.set(name, entry);
  }
  return [...merged.values()];
}

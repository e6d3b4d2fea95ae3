/** Which servers are asked for an image, in which order, and for what. */
import type { Reference } from "./reference.ts";

export type Capability = "pull" | "resolve" | "push";

/** One server that may be asked: a mirror, or the registry itself. */
export interface RegistryHost {
  readonly scheme: "http" | "https";
  /** With the port, if there is one. */
  readonly host: string;
  /** What comes before the repository, "/v2" mostly. */
  readonly path: string;
  readonly capabilities: readonly Capability[];
  /** Sent with each request to this host. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a reference's servers are found. */
export type HostsFor = (reference: Reference) => readonly RegistryHost[];

const all: readonly Capability[] = ["pull", "resolve", "push"];
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;

/** The registry that the reference itself names; plain http for this machine, or where asked for. */
export function defaultHosts(
  options: { plainHttp?: boolean; headers?: Readonly<Record<string, string>> } = {},
): HostsFor {
  return ({ host }) => [{
    scheme: options.plainHttp || loopback.test(host) ? "http" : "https",
    host: host === "docker.io" ? "registry-1.docker.io" : host,
    path: "/v2",
    capabilities: all,
    headers: options.headers,
  }];
}

/** The beginning of all addresses of a repository at a host. */
export function baseUrl(host: RegistryHost, repository: string): string {
  return `${host.scheme}://${host.host}${host.path}/${repository}`;
}

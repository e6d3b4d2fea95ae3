/** Which servers are asked for an image, in which order, and for what. */
import { type Connection, wantsTls } from "./connection.ts";
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
  readonly connection?: Connection;
  /** The registry that this server stands for where it is another: mirrors of several want to know which. */
  readonly namespace?: string;
  /** Whether it is the registry itself, whatever its address: then the registry's credentials are meant for it. */
  readonly isRegistry?: boolean;
}

/** How a reference's servers are found. Only the host of the reference counts. */
export type HostsFor = (reference: Pick<Reference, "host">) => readonly RegistryHost[];

const all: readonly Capability[] = ["pull", "resolve", "push"];
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;

/** How the registry itself is reached. */
export interface DefaultHostOptions {
  readonly plainHttp?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly connection?: Connection;
}

/**
 * The registry that the reference itself names; plain http where asked for, and for this machine unless the
 * connection says how TLS is spoken.
 */
export function defaultHosts({ plainHttp, headers, connection }: DefaultHostOptions = {}): HostsFor {
  return ({ host }) => {
    const isHere = loopback.test(host);
    const orPlain = isHere && wantsTls(connection) && !plainHttp;
    return [{
      scheme: plainHttp || isHere && !orPlain ? "http" : "https",
      host: host === "docker.io" ? "registry-1.docker.io" : host,
      path: "/v2",
      capabilities: all,
      headers,
      connection: orPlain ? { ...connection, orPlain } : connection,
      isRegistry: true,
    }];
  };
}

/** The beginning of all addresses of a repository at a host. */
export function baseUrl(host: RegistryHost, repository: string): string {
  return `${host.scheme}://${host.host}${host.path}/${repository}`;
}

/** The address of something that is asked for in a repository; mirrors are told whose it is. */
export function addressOf(host: RegistryHost, repository: string, path: string): string {
  const query = host.namespace ? `?ns=${encodeURIComponent(host.namespace)}` : "";
  return baseUrl(host, repository) + path + query;
}

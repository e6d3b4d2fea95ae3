/** What the configuration of a registry comes to, and what its servers answer, in the words of the API. */
import {
  RegistryPing,
  type RegistryRequest,
  RegistryResponse,
  RegistryServer,
} from "../api/services/maintenance/v1/maintenance.ts";
import type { Credentials } from "./authorizer.ts";
import { namesOf } from "./authorizer.ts";
import { examineHosts, ping, proxyOf, urlOf } from "./examine.ts";
import type { RegistryHost } from "./hosts.ts";
import { complete } from "../rpc/service.ts";

type Answers = RegistryRequest["credentials"];

/** Throws InvalidArgument for a bad configuration, with file and line. */
export async function registryReport(
  own: readonly string[],
  { host, hostDir, plainHttp, ping: asks, credentials }: RegistryRequest,
  signal: AbortSignal,
): Promise<RegistryResponse> {
  const dirs = hostDir ? [hostDir] : [...own];
  if (!host) return complete(RegistryResponse, { dirs });
  const { looked, taken = "", hosts } = examineHosts(host, { dirs, plainHttp });
  const servers: RegistryServer[] = [];
  for (const one of hosts) {
    const answer = asks
      ? await ping(one, (name) => credentialsFor(credentials, name), { signal })
      : undefined;
    servers.push({
      ...serverOf(one),
      ping: answer && complete(RegistryPing, { ...answer, schemes: [...answer.schemes] }),
    });
  }
  return { dirs, looked: [...looked], taken, servers };
}

function credentialsFor(all: Answers, name: string): Credentials | undefined {
  const found = all.find(({ host }) => host === name);
  if (!found) return undefined;
  if (found.header) return { header: found.header };
  return found.refresh ? { refreshToken: found.refresh } : { username: found.user, secret: found.secret };
}

function serverOf(host: RegistryHost): RegistryServer {
  const { capabilities, connection = {}, headers = {}, isRegistry } = host;
  const { ca = [], client = [], skipVerify = false, dialTimeout = 0 } = connection;
  return complete(RegistryServer, {
    url: urlOf(host).replace(/\/$/, ""),
    names: namesOf(host),
    mirror: !isRegistry,
    capabilities: [...capabilities],
    ca: ca.map(({ path }) => path),
    client: client.map(({ cert, key }) => cert.path === key.path ? cert.path : `${cert.path} ${key.path}`),
    skipVerify,
    dialTimeout: Math.round(dialTimeout),
    headers: Object.keys(headers),
    proxy: proxyOf(host),
  });
}

/** A registry as we reach it ourselves, for daemons that don't. */
import {
  type Credentials as RemoteCredentials,
  type CredentialsFor,
  defaultHosts,
  hostsFromDirs,
  type RemoteOptions,
} from "../remotes/mod.ts";
import { registryDirsOf } from "./registry.ts";
import type { Services } from "./services.ts";
import type { Credentials, RegistryAccess } from "./transfer.ts";

/** What is known of a registry that we reach ourselves. */
export interface OwnAccess extends Omit<RegistryAccess, "reference"> {
  /** The directories of hosts.toml files where `hostsDir` names none; those of the daemon's configuration unless said. */
  readonly ownDirs?: () => Promise<readonly string[]>;
}

/** How the registry of `access` is asked: as the daemon would ask it. */
export async function remoteOptionsOf(
  services: Services,
  { plainHttp, hostsDir, ownDirs, credentials, log }: OwnAccess,
): Promise<RemoteOptions> {
  const dirs = hostsDir ? [hostsDir] : await (ownDirs ?? (() => registryDirsOf(services)))();
  const hosts = hostsFromDirs(dirs, (connection) => defaultHosts({ plainHttp, connection }));
  return { hosts, credentials: askedBy(credentials), log };
}

function askedBy(credentials: RegistryAccess["credentials"]): CredentialsFor {
  if (typeof credentials !== "function") return () => said(credentials);
  return async (host) => said(await credentials(host).catch(() => undefined));
}

function said(credentials: Credentials | undefined): RemoteCredentials | undefined {
  if (!credentials) return undefined;
  if ("refresh" in credentials) return { refreshToken: credentials.refresh };
  if ("header" in credentials) return { header: credentials.header };
  return { username: credentials.user, secret: credentials.password };
}

/** A registry as we reach it ourselves, for daemons that don't. */
import {
  type Credentials as RemoteCredentials,
  type CredentialsFor,
  defaultHosts,
  hostsFromDirs,
  type RemoteOptions,
} from "../remotes/mod.ts";
import type { Credentials, RegistryAccess } from "./transfer.ts";

/** How the registry of `access` is asked. */
export function remoteOptionsOf(
  { plainHttp, hostsDir, credentials, log }: Omit<RegistryAccess, "reference">,
): RemoteOptions {
  const hosts = hostsFromDirs(
    hostsDir ? [hostsDir] : [],
    (connection) => defaultHosts({ plainHttp, connection }),
  );
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

/** How a client that talks to registries itself reaches them. */
import { defaultHosts, hostsFromDir, type RemoteOptions } from "../remotes/mod.ts";
import type { RegistryAccess } from "./transfer.ts";

/** The hosts and credentials of {@linkcode RegistryAccess}, for a Remote or a Pusher of this process. */
export function remoteOptions({ credentials, plainHttp, hostsDir }: RegistryAccess): RemoteOptions {
  const given = credentials &&
    ("refresh" in credentials
      ? { refreshToken: credentials.refresh }
      : { username: credentials.user, secret: credentials.password });
  const usual = defaultHosts({ plainHttp });
  return { hosts: hostsDir ? hostsFromDir(hostsDir, usual) : usual, credentials: given && (() => given) };
}

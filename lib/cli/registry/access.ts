/** How a registry is reached, by the flags that commands with registries have. */
import type { OwnAccess } from "../../client/registry_access.ts";
import type { Credentials, RegistryAccess } from "../../client/transfer.ts";
import { messageOf } from "../../errors.ts";
import { type Flags, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { printError } from "../output/print.ts";
import { registryDirsFor } from "./daemon.ts";
import { absolutePath, tlsHosts } from "./tls.ts";

/** A registry's access, with the files that it needs; disposed when the work is done. */
export type OpenAccess = RegistryAccess & Required<Pick<OwnAccess, "ownDirs">> & AsyncDisposable;

/**
 * The registry of `reference`: what flags say wins over logins. Asks for the password if only a user is named.
 */
export async function registryAccess(daemon: Daemon, flags: Flags, reference: string): Promise<OpenAccess> {
  const credentials = await credentialsOf(flags);
  const host = reference.slice(0, reference.indexOf("/"));
  const ownDirs = () => registryDirsFor(daemon);
  const hosts = await tlsHosts(ownDirs, flags, host);
  return {
    reference,
    plainHttp: flags.on("plain-http"),
    hostsDir: hosts?.dir ?? absolutePath(flags.text("hosts-dir")),
    ownDirs,
    credentials,
    log: logOf(flags),
    [Symbol.asyncDispose]: async () => await hosts?.[Symbol.asyncDispose](),
  };
}

/** Who the user is, by flags or by logins. */
async function credentialsOf(flags: Flags): Promise<RegistryAccess["credentials"]> {
  return await flaggedCredentials(flags) ?? await loginsOf();
}

/** Who the user is by flags. */
export async function flaggedCredentials(flags: Flags): Promise<Credentials | undefined> {
  const [user, refresh] = [flags.text("user"), flags.text("refresh")];
  if (user && refresh) throw usageError("--user and --refresh cannot be specified together");
  if (refresh) return { refresh };
  if (!user) return undefined;
  const at = user.indexOf(":");
  if (at >= 0) return { user: user.slice(0, at), password: user.slice(at + 1) };
  const { askPassword } = await import("./password.ts");
  return { user, password: askPassword(user) };
}

/** What docker has. Where there is no such file nobody needs to be asked. */
async function loginsOf(): Promise<RegistryAccess["credentials"]> {
  const { dockerConfigPath } = await import("../../remotes/mod.ts");
  const path = dockerConfigPath();
  if (!path || !await Deno.stat(path).then(() => true, () => false)) return undefined;
  const { dockerCredentials } = await import("../../client/docker_credentials.ts");
  const onProblem = (host: string, error: unknown) =>
    printError(`ctr: no credentials for ${host}: ${messageOf(error)}\n`);
  return dockerCredentials({ path, onProblem });
}

/** Who wants to see requests, by flags: on standard error. */
export function logOf(flags: Flags): RegistryAccess["log"] {
  const [dump, trace] = [flags.on("http-dump"), flags.on("http-trace")];
  return dump || trace ? { dump, trace, tell: printError } : undefined;
}

/** How a registry is reached, by the flags that commands with registries have. */
import type { RegistryAccess } from "../../client/transfer.ts";
import { type Flags, usageError } from "../command.ts";

/** The registry of `reference`. Asks for the password if only a user is named. */
export async function registryAccess(flags: Flags, reference: string): Promise<RegistryAccess> {
  return {
    reference,
    plainHttp: flags.on("plain-http"),
    hostsDir: flags.text("hosts-dir"),
    credentials: await credentialsOf(flags.text("user"), flags.text("refresh")),
  };
}

async function credentialsOf(user: string, refresh: string): Promise<RegistryAccess["credentials"]> {
  if (user && refresh) throw usageError("--user and --refresh cannot be specified together");
  if (refresh) return { refresh };
  if (!user) return undefined;
  const at = user.indexOf(":");
  if (at >= 0) return { user: user.slice(0, at), password: user.slice(at + 1) };
  const { askPassword } = await import("./password.ts");
  return { user, password: askPassword(user) };
}

/** What a client says of a registry in a transfer: how it is reached, and where credentials are asked for. */
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  HTTPDebug,
  OCIRegistry,
} from "../api/types/transfer/registry.ts";
import type { Credentials, CredentialsFor } from "../remotes/mod.ts";
import { anyOf } from "../rpc/any.ts";
import { complete } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";
import type { RegistryRequest } from "../transfer/mod.ts";
import type { Streams } from "./streaming.ts";
import { logOver } from "./transfer_log.ts";

const PREFIX = "containerd.types.transfer.";

/** Does `work` with the registry that a message names; sends its log, if the client wants one. */
export async function withRegistry<T>(
  streams: Streams,
  scope: Scope,
  message: Uint8Array,
  signal: AbortSignal,
  work: (registry: RegistryRequest) => Promise<T>,
): Promise<T> {
  const registry = OCIRegistry.decode(message);
  const { logsStream = "", httpDebug = HTTPDebug.DISABLED } = registry.resolver ?? {};
  const isLogged = logsStream !== "" && httpDebug !== HTTPDebug.DISABLED;
  const sent = isLogged ? logOver(streams.get(scope, logsStream), httpDebug, signal) : undefined;
  try {
    return await work({ ...registryRequest(streams, scope, registry), log: sent?.log });
  } finally {
    await sent?.close();
  }
}

/** The registry of a transfer, as the transfer room wants it. */
function registryRequest(
  streams: Streams,
  scope: Scope,
  { reference, resolver }: OCIRegistry,
): RegistryRequest {
  const auth = resolver?.authStream
    ? credentialsOver(streams, scope, resolver.authStream, reference)
    : undefined;
  return {
    reference,
    plainHttp: resolver?.defaultScheme === "http",
    hostsDir: resolver?.hostDir || undefined,
    headers: lowerCase(resolver?.headers ?? {}),
    auth,
  };
}

const lowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Credentials asked of the client over its auth stream, one question at a time. */
function credentialsOver(streams: Streams, scope: Scope, id: string, reference: string): CredentialsFor {
  const { incoming, send } = streams.get(scope, id);
  let last: Promise<unknown> = Promise.resolve();
  return (host, wwwauthenticate) => {
    const answer = last.then(async () => {
      const question = complete(AuthRequest, { host, reference, wwwauthenticate: [...wwwauthenticate] });
      send(anyOf(`${PREFIX}AuthRequest`, AuthRequest, question));
      const { value, done } = await incoming.next();
      return done ? undefined : credentialsOf(AuthResponse.decode(value.value));
    });
    last = answer.catch(() => {});
    return answer;
  };
}

function credentialsOf({ authType, secret, username }: AuthResponse): Credentials | undefined {
  if (authType === AuthType.CREDENTIALS) return { username, secret };
  if (authType === AuthType.REFRESH) return { refreshToken: secret };
  if (authType === AuthType.HEADER) return { header: secret };
  return undefined;
}

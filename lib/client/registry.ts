/** How our daemon reaches a registry: a part of its own Maintenance service. */
import {
  MaintenanceDefinition,
  RegistryCredentials,
  RegistryRequest,
  type RegistryResponse,
} from "../api/services/maintenance/v1/maintenance.ts";
import { Code, isError } from "../errors.ts";
import { complete } from "../rpc/service.ts";
import type { Services } from "./services.ts";
import type { Credentials } from "./transfer.ts";

export type {
  RegistryPing,
  RegistryResponse,
  RegistryServer,
} from "../api/services/maintenance/v1/maintenance.ts";

/** What to find out of a registry. */
export interface RegistryQuestion {
  /** `registry.test:5000`; empty for no more than the directories of hosts.toml files. */
  readonly host: string;
  readonly hostsDir: string;
  readonly plainHttp: boolean;
  /** Ask its servers, with what there is of credentials by name. */
  readonly ping?: ReadonlyMap<string, Credentials>;
}

/** Asks the daemon. Throws Unimplemented if it is another's, InvalidArgument for a bad configuration. */
export function askRegistry(
  services: Services,
  question: RegistryQuestion,
  signal?: AbortSignal,
): Promise<RegistryResponse> {
  return services.stub(MaintenanceDefinition).registry(registryRequest(question), { signal });
}

/** The directories of hosts.toml files that the daemon looks in; none known of one that is another's. */
export async function registryDirsOf(services: Services): Promise<readonly string[]> {
  try {
    return (await askRegistry(services, { host: "", hostsDir: "", plainHttp: false })).dirs;
  } catch (error) {
    if (isError(error, Code.Unimplemented)) return [];
    throw error;
  }
}

/** The question as a message. */
export function registryRequest({ host, hostsDir, plainHttp, ping }: RegistryQuestion): RegistryRequest {
  const credentials = [...ping ?? []].map(([host, known]) => {
    if ("refresh" in known) return complete(RegistryCredentials, { host, refresh: known.refresh });
    if ("header" in known) return complete(RegistryCredentials, { host, header: known.header });
    return complete(RegistryCredentials, { host, user: known.user, secret: known.password });
  });
  return complete(RegistryRequest, {
    host,
    hostDir: hostsDir,
    plainHttp,
    ping: ping !== undefined,
    credentials,
  });
}

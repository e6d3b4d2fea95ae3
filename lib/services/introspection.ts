/** containerd.services.introspection.v1.Introspection */
import type { Any } from "../api/google/protobuf/any.ts";
import { IntrospectionDefinition, type Plugin } from "../api/services/introspection/v1/introspection.ts";
import { RuntimeInfo, RuntimeRequest } from "../api/types/introspection.ts";
import { invalidArgument, notFound, unimplemented } from "../errors.ts";
import { parseFilters } from "../filters/mod.ts";
import { anyOf, nameOf } from "../rpc/any.ts";
import { type Service, service } from "../rpc/service.ts";

/** What the daemon knows of itself. */
export interface Identity {
  /** The same for as long as the root lasts. */
  readonly uuid: string;
  readonly pid: number;
  /** Inode of the daemon's PID namespace. */
  readonly pidns: bigint;
  readonly plugins: readonly Plugin[];
}

/** The service; `runtimeInfo` knows runtimes by their names. */
export function introspectionService(
  identity: Identity,
  runtimeInfo: (request: RuntimeRequest) => Promise<RuntimeInfo>,
): Service {
  return service(IntrospectionDefinition, {
    server() {
      const { uuid, pid, pidns } = identity;
      return Promise.resolve({ uuid, pid: BigInt(pid), pidns, deprecations: [] });
    },
    plugins({ filters }) {
      const matches = parseFilters(filters);
      return Promise.resolve({ plugins: identity.plugins.filter((plugin) => matches(fieldsOf(plugin))) });
    },
    async pluginInfo({ type, id, options }) {
      const plugin = identity.plugins.find((one) => one.type === type && one.id === id);
      if (!plugin) throw notFound(`plugin ${type}.${id}`);
      if (!options?.typeUrl) return { plugin, extra: undefined };
      const request = runtimeRequest(plugin, options);
      return {
        plugin,
        extra: anyOf("containerd.types.RuntimeInfo", RuntimeInfo, await runtimeInfo(request)),
      };
    },
  });
}

/** The one question that there is to a plugin. */
function runtimeRequest({ type, id }: Plugin, { typeUrl, value }: Any): RuntimeRequest {
  if (type !== "io.containerd.runtime.v2") throw unimplemented(`plugin ${type}.${id} has no more to tell`);
  if (nameOf(typeUrl) === "containerd.types.RuntimeRequest") return RuntimeRequest.decode(value);
  throw invalidArgument(
    `plugin ${type}.${id} is asked by containerd.types.RuntimeRequest, not ${nameOf(typeUrl)}`,
  );
}

function fieldsOf(plugin: Plugin) {
  return ([field, ...rest]: string[]): string | undefined => {
    if (field === "type") return plugin.type;
    if (field === "id") return plugin.id;
    if (field === "capabilities") {
      return plugin.capabilities.includes(rest.join(".")) ? rest.join(".") : undefined;
    }
    return undefined;
  };
}

/** containerd.services.introspection.v1.Introspection */
import { IntrospectionDefinition, type Plugin } from "../api/services/introspection/v1/introspection.ts";
import { notFound } from "../errors.ts";
import { parseFilters } from "../filters/mod.ts";
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

export function introspectionService(identity: Identity): Service {
  return service(IntrospectionDefinition, {
    server() {
      const { uuid, pid, pidns } = identity;
      return Promise.resolve({ uuid, pid: BigInt(pid), pidns, deprecations: [] });
    },
    plugins({ filters }) {
      const matches = parseFilters(filters);
      return Promise.resolve({ plugins: identity.plugins.filter((plugin) => matches(fieldsOf(plugin))) });
    },
    pluginInfo({ type, id }) {
      const plugin = identity.plugins.find((one) => one.type === type && one.id === id);
      if (!plugin) return Promise.reject(notFound(`plugin ${type}.${id}`));
      return Promise.resolve({ plugin, extra: undefined });
    },
  });
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

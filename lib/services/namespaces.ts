/** containerd.services.namespaces.v1 */
import { NamespacesDefinition } from "../api/services/namespaces/v1/namespace.ts";
import { invalidArgument } from "../errors.ts";
import type { NamespaceStore } from "../metadata/mod.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over a store of namespaces. */
export function namespacesService(store: NamespaceStore): Service {
  const required = <T>(namespace: T | undefined): T => {
    if (!namespace) throw invalidArgument("namespace is required");
    return namespace;
  };
  return service(NamespacesDefinition, {
    get: async ({ name }) => ({ namespace: await store.get(name) }),
    list: async () => ({ namespaces: await store.list() }),
    create: async ({ namespace }, context) => ({
      namespace: await store.create(required(namespace), context.namespace || undefined),
    }),
    update: async ({ namespace, updateMask }, context) => ({
      namespace: await store.update(required(namespace), updateMask, context.namespace || undefined),
    }),
    delete: async ({ name }) => {
      await store.delete(name);
      return {};
    },
  });
}

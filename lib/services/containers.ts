/** containerd.services.containers.v1 */
import { type Container, ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { invalidArgument } from "../errors.ts";
import type { ContainerStore } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";

/** The service over a store of containers; `onDelete` removes what else a container has. */
export function containersService(
  store: ContainerStore,
  onDelete: (scope: Scope, id: string) => Promise<void>,
): Service {
  const required = (container: Container | undefined): Container => {
    if (!container) throw invalidArgument("container is required");
    return container;
  };
  return service(ContainersDefinition, {
    get: async ({ id }, context) => ({ container: await store.get(requireNamespace(context), id) }),
    list: async ({ filters }, context) => ({
      containers: await store.list(requireNamespace(context), filters),
    }),
    async *listStream({ filters }, context) {
      for (const container of await store.list(requireNamespace(context), filters)) yield { container };
    },
    create: async ({ container }, context) => ({
      container: await store.create(requireNamespace(context), required(container)),
    }),
    update: async ({ container, updateMask }, context) => ({
      container: await store.update(requireNamespace(context), required(container), updateMask),
    }),
    delete: async ({ id }, context) => {
      const scope = requireNamespace(context);
      await store.delete(scope, id);
      await onDelete(scope, id);
      return {};
    },
  });
}

/** containerd.services.leases.v1 */
import { LeasesDefinition, type Resource } from "../api/services/leases/v1/leases.ts";
import { invalidArgument } from "../errors.ts";
import type { GarbageCollector, LeaseStore } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over a store of leases. A delete that asks for it waits for a run of `gc`. */
export function leasesService(store: LeaseStore, gc: Pick<GarbageCollector, "run">): Service {
  const required = (resource: Resource | undefined): Resource => {
    if (!resource) throw invalidArgument("resource is required");
    return resource;
  };
  return service(LeasesDefinition, {
    create: async (lease, context) => ({ lease: await store.create(requireNamespace(context), lease) }),
    delete: async ({ id, sync }, context) => {
      await store.delete(requireNamespace(context), id);
      if (sync) await gc.run();
      return {};
    },
    list: async ({ filters }, context) => ({ leases: await store.list(requireNamespace(context), filters) }),
    addResource: async ({ id, resource }, context) => {
      await store.addResource(requireNamespace(context), id, required(resource));
      return {};
    },
    deleteResource: async ({ id, resource }, context) => {
      await store.deleteResource(requireNamespace(context), id, required(resource));
      return {};
    },
    listResources: async ({ id }, context) => ({
      resources: await store.resources(requireNamespace(context), id),
    }),
  });
}

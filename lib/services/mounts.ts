/** containerd.services.mounts.v1.Mounts */
import { MountsDefinition } from "../api/services/mounts/v1/mounts.ts";
import { invalidArgument } from "../errors.ts";
import type { MountManager } from "../mounts/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over a manager of mounts. */
export function mountsService(manager: MountManager): Service {
  return service(MountsDefinition, {
    activate: async (request, context) => ({
      info: await manager.activate(requireNamespace(context), request, context.signal),
    }),
    deactivate: async ({ name }, context) => {
      await manager.deactivate(requireNamespace(context), name);
      return {};
    },
    info: async ({ name }, context) => ({ info: await manager.info(requireNamespace(context), name) }),
    update: async ({ info, updateMask }, context) => {
      if (!info) throw invalidArgument("no mount info to update");
      return { info: await manager.update(requireNamespace(context), info, updateMask ?? []) };
    },
    async *list({ filters }, context) {
      for (const info of await manager.list(requireNamespace(context), filters)) yield { info };
    },
  });
}

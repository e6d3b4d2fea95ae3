/** containerd.services.sandbox.v1.Store */
import { StoreDefinition } from "../api/services/sandbox/v1/sandbox.ts";
import type { Sandbox } from "../api/types/sandbox.ts";
import { invalidArgument } from "../errors.ts";
import type { SandboxStore } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over a store of sandboxes. */
export function sandboxStoreService(store: SandboxStore): Service {
  const required = (sandbox: Sandbox | undefined): Sandbox => {
    if (!sandbox) throw invalidArgument("sandbox is required");
    return sandbox;
  };
  return service(StoreDefinition, {
    create: async ({ sandbox }, context) => ({
      sandbox: await store.create(requireNamespace(context), required(sandbox)),
    }),
    update: async ({ sandbox, fields }, context) => ({
      sandbox: await store.update(requireNamespace(context), required(sandbox), fields),
    }),
    delete: async ({ sandboxId }, context) => {
      await store.delete(requireNamespace(context), sandboxId);
      return {};
    },
    list: async ({ filters }, context) => ({ list: await store.list(requireNamespace(context), filters) }),
    get: async ({ sandboxId }, context) => ({
      sandbox: await store.get(requireNamespace(context), sandboxId),
    }),
  });
}

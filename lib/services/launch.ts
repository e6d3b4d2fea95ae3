/** longshore.services.launch.v1.Launch, this daemon's own: what starting a container asks for, at once. */
import { LaunchDefinition } from "../api/services/launch/v1/launch.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import { type LaunchStores, prepareLaunch } from "../runtime/mod.ts";

export function launchService(stores: LaunchStores): Service {
  return service(LaunchDefinition, {
    async prepare(request, context) {
      const { user, ...launch } = await prepareLaunch(stores, requireNamespace(context), request);
      const { uid, gid, additionalGids = [] } = user;
      return { ...launch, user: { uid, gid, additionalGids } };
    },
  });
}

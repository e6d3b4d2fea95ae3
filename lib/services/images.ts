/** containerd.services.images.v1 */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { invalidArgument } from "../errors.ts";
import type { GarbageCollector, ImageStore } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over a store of images. A delete that asks for it waits for a run of `gc`. */
export function imagesService(store: ImageStore, gc: Pick<GarbageCollector, "run">): Service {
  return service(ImagesDefinition, {
    get: async ({ name }, context) => ({ image: await store.get(requireNamespace(context), name) }),
    list: async ({ filters }, context) => ({ images: await store.list(requireNamespace(context), filters) }),
    create: async ({ image }, context) => {
      const scope = requireNamespace(context);
      if (!image?.name) throw invalidArgument("Image.Name required");
      return { image: await store.create(scope, image) };
    },
    update: async ({ image, updateMask }, context) => {
      const scope = requireNamespace(context);
      if (!image?.name) throw invalidArgument("Image.Name required");
      return { image: await store.update(scope, image, updateMask) };
    },
    delete: async ({ name, sync, target }, context) => {
      await store.delete(requireNamespace(context), name, target);
      if (sync) await gc.run();
      return {};
    },
  });
}

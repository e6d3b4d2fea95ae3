/** Pushing by the daemon's Transfer service: the bytes go from the daemon to the registry, not through us. */
import { ImageStore } from "../api/types/transfer/imagestore.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { anyOf } from "../rpc/any.ts";
import { complete } from "../rpc/service.ts";
import type { Services } from "./services.ts";
import {
  type PlatformName,
  type RegistryAccess,
  registryAny,
  type RegistryStreams,
  transfer,
} from "./transfer.ts";

/** What to push, and where to. */
export interface Push extends RegistryAccess {
  /** The image's name in the store. */
  readonly image: string;
  /** Empty for those that are there. */
  readonly platforms: readonly PlatformName[];
  /** Fail rather than leave out platforms that aren't there. */
  readonly allPlatforms: boolean;
}

/** Pushes; `onProgress` is called with all that the daemon tells. Throws Unimplemented if it has no such service. */
export async function transferPush(
  daemon: Services,
  push: Push,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const ends = (streams: RegistryStreams) => ({
    source: anyOf("containerd.types.transfer.ImageStore", ImageStore, storeOf(push)),
    destination: registryAny(push, streams),
  });
  await transfer(daemon, push, ends, onProgress, signal);
}

function storeOf({ image, platforms, allPlatforms }: Push): ImageStore {
  const wanted = platforms.map((platform) => ({ ...platform, osVersion: "", osFeatures: [] }));
  return complete(ImageStore, { name: image, platforms: wanted, allMetadata: allPlatforms });
}

/**
 * Networks of containers by CNI, as `ctr run --cni` makes them: the client has the plugins attach a task between its
 * creation and its start, and a container's record says that they did, so that any client takes it off again.
 */
import { type NetworkWishes, type PortMapping, usualPlaces } from "../cni/mod.ts";

export {
  type Attached,
  attachNetwork,
  checkNetwork,
  detachNetwork,
  type DetachOptions,
  extensionsFor,
  type NetworkWishes,
  wishesOf,
} from "../cni/mod.ts";

/** The usual places, or those that the environment names: NETCONFPATH, CNI_PATH (with colons) and CNI_CACHE. */
export function networkWishes(ports: readonly PortMapping[] = []): NetworkWishes {
  const path = Deno.env.get("CNI_PATH");
  return {
    configDir: Deno.env.get("NETCONFPATH") || usualPlaces.configDir,
    dirs: path ? path.split(":").filter((dir) => dir) : usualPlaces.dirs,
    cache: Deno.env.get("CNI_CACHE") || usualPlaces.cache,
    ports,
  };
}

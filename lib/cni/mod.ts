/** Networks for containers by plugins of CNI, the Container Network Interface. */
export {
  type Attached,
  attachNetwork,
  checkNetwork,
  detachNetwork,
  type DetachOptions,
  type Who,
} from "./container.ts";
export { defaultNetwork, type NetworkConfig, parseNetwork } from "./config.ts";
export { attach, checkPlugins, type CniOptions, type CniPlaces, detach } from "./network.ts";
export type { PluginResult } from "./plugin.ts";
export { parsePort, type PortMapping } from "./ports.ts";
export { extensionsFor, type NetworkWishes, usualPlaces, wishesOf } from "./wishes.ts";

/** The runtime spec of a container, and the options that shape it. */
export { addDevices } from "./devices.ts";
export { containerLabels, type ImageConfig, mergeEnv } from "./image_config.ts";
export { parseMount } from "./mounts.ts";
export * from "./options.ts";
export { capability, changeCapabilities, openEverything } from "./privileges.ts";
export {
  isLookedAfter,
  parseRestartPolicy,
  type RestartPolicy,
  restartsOf,
  wantsStart,
} from "./restart_policy.ts";
export { userIn } from "./rootfs_user.ts";
export {
  defaultSpec,
  type DeviceRule,
  type Linux,
  type ProcessSpec,
  type Spec,
  type SpecMount,
} from "./spec.ts";
export { lookUpUser, type User } from "./users.ts";

/** The type URL of a spec in a container's record. */
export const specUrl = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
/** The type URL of a process in an exec request. */
export const processUrl = "types.containerd.io/opencontainers/runtime-spec/1/Process";

/** The runtime spec of a container, and the options that shape it. */
export type { BlockIo } from "./blockio.ts";
export * from "./confinement.ts";
export { addDevices } from "./devices.ts";
export { parseExact } from "./exact_json.ts";
export { containerLabels, type ImageConfig, mergeEnv } from "./image_config.ts";
export { parseMount } from "./mounts.ts";
export * from "./options.ts";
export { capability, changeCapabilities, openEverything } from "./privileges.ts";
export { type Resources, resourcesUrl } from "./resources.ts";
export {
  isLookedAfter,
  parseRestartPolicy,
  type RestartPolicy,
  restartsOf,
  wantsStart,
} from "./restart_policy.ts";
export { parseLimits, parseRlimit, type Rlimit } from "./rlimits.ts";
export { userIn, userOf } from "./rootfs_user.ts";
export type { Seccomp, SeccompArg, SeccompRule } from "./seccomp.ts";
export {
  type CpuLimits,
  defaultSpec,
  type DeviceRule,
  type Linux,
  type ProcessSpec,
  type Spec,
  type SpecMount,
} from "./spec.ts";
export { withUserNamespace } from "./user_namespace.ts";
export { lookUpUser, type User } from "./users.ts";

/** The type URL of a spec in a container's record. */
export const specUrl = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
/** The type URL of a process in an exec request. */
export const processUrl = "types.containerd.io/opencontainers/runtime-spec/1/Process";

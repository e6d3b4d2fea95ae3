/** Mounts that outlive the call that made them: activated by name, held by leases, collected as garbage. */
export { MountManager } from "./manager.ts";

/** Tasks, as the daemon sees them. */
export { removeBundle } from "./bundle.ts";
export type { Checkpoints } from "./checkpoints.ts";
export { type ExecRooms, runExec } from "./exec.ts";
export { type Launch, type LaunchRequest, type LaunchStores, prepareLaunch } from "./launch.ts";
export { Restarter, type RestarterOptions } from "./restarter.ts";
export { runtimeInfo } from "./runtime_info.ts";
export type { TaskStats } from "./stats.ts";
export { type TaskCallOptions, TaskManager, type TaskManagerOptions } from "./task_manager.ts";
export type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

/** The daemon: configuration, wiring of the rooms, listeners, shutdown. */
export {
  type Config,
  defaultConfigPath,
  defaultRoot,
  defaultState,
  type Flags,
  loadConfig,
} from "./config.ts";
export { examine, type Finding, rebuild, type RebuildRequest } from "./doctor/mod.ts";
export type { Log, LogLevel } from "./log.ts";
export { registryDirs } from "./plugin_config.ts";
export { runDaemon } from "./run.ts";
export { type Daemon, serve } from "./serve.ts";

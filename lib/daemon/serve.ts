/** A daemon from its configuration: lock, directories, rooms, sockets; and all of it undone in order. */
import { Code, CtrError, isError } from "../errors.ts";
import { localChannel } from "../rpc/local.ts";
import type { Channel } from "../rpc/service.ts";
import { lockFile } from "../sys/mod.ts";
import { type Config, loadConfig } from "./config.ts";
import { prepareDirectories } from "./directories.ts";
import { listen } from "./listen.ts";
import { createLog, type Log } from "./log.ts";
import { openRooms } from "./rooms.ts";
import { warnOfOldRunc } from "./runc_version.ts";
import { servicesOf } from "./services.ts";

/** A daemon that runs. Disposing it ends it; its containers go on. */
export interface Daemon extends AsyncDisposable {
  readonly config: Config;
  /** Its services without a socket. */
  readonly channel: Channel;
  readonly log: Log;
}

/**
 * Starts a daemon in this process.
 *
 * Throws FailedPrecondition if another daemon holds the root (naming it) or serves the address, InvalidArgument
 * for a bad configuration.
 */
export async function serve(given: Config | Partial<Config> = {}): Promise<Daemon> {
  const config: Config = { ...await loadConfig({ root: given.root, state: given.state }), ...given };
  const log = createLog(config.logLevel);
  const stack = new AsyncDisposableStack();
  try {
    await prepareDirectories(config);
    stack.use(await lockRoot(config.root));
    const rooms = stack.use(await openRooms(config, log));
    const metrics = config.metricsAddress
      ? new (await import("./metrics.ts")).MetricsEndpoint(rooms, config)
      : undefined;
    const written = servicesOf(config, rooms);
    const services = metrics?.count(written) ?? written;
    if (metrics) stack.use(metrics.listen(config.metricsAddress, log));
    stack.use(await listen(config, services));
    stack.defer(rooms.release);
    const warned = warnOfOldRunc(log);
    stack.defer(() => warned);
    if (config.unused.length) {
      log("warn", "configuration keys without use", { keys: config.unused.join(" ") });
    }
    log("info", "serving", { address: config.address, root: config.root, state: config.state });
    const owned = stack.move();
    return {
      config,
      log,
      channel: localChannel(services),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function lockRoot(root: string): Promise<Disposable> {
  try {
    return await lockFile(`${root}/lock`);
  } catch (error) {
    if (!isError(error, Code.FailedPrecondition)) throw error;
    const holder = /process \d+/.exec(error.message)?.[0] ?? "another process";
    throw new CtrError(Code.FailedPrecondition, `root ${root} is in use by another daemon (${holder})`, {
      cause: error,
    });
  }
}

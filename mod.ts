/**
 * Longshore as a library: a client for our daemon and for Go's containerd, and the daemon itself.
 *
 * @example
 * ```ts
 * import { Captured, Client, withMemoryLimit } from "./mod.ts";
 *
 * await using client = await Client.connect();
 * const image = await client.pull("docker.io/library/alpine:latest");
 * await using container = await client.newContainer("hello", {
 *   image,
 *   args: ["echo", "hello"],
 *   spec: [withMemoryLimit(64 << 20)],
 * });
 * const io = new Captured();
 * await using task = await container.newTask(io);
 * await task.start();
 * console.log((await task.wait()).code, io.stdout);
 * ```
 *
 * @module
 */
export * from "./lib/client/mod.ts";
export { Code, CtrError, isError } from "./lib/errors.ts";
export * from "./lib/oci/mod.ts";
export type { Config, Daemon } from "./lib/daemon/mod.ts";
import type { Config, Daemon } from "./lib/daemon/mod.ts";

/**
 * Starts a daemon in this process, by the default configuration where nothing is given; disposing it ends it.
 * `Client.over(daemon.channel)` speaks to it without a socket.
 */
export async function serve(config: Partial<Config> = {}): Promise<Daemon> {
  return await (await import("./lib/daemon/mod.ts")).serve(config);
}

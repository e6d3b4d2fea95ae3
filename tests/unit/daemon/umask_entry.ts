/**
 * Makes directories and sockets below the directory named on the command line and prints the modes that they
 * got, by path. A process of its own: a umask holds for all tests that run in parallel.
 */
import { loadConfig } from "../../../lib/daemon/config.ts";
import { prepareDirectories } from "../../../lib/daemon/directories.ts";
import { listen } from "../../../lib/daemon/listen.ts";
import { modeOf } from "./scratch.ts";

const [dir, ...paths] = Deno.args as [string, ...string[]];
const config = await loadConfig({
  config: `${dir}/config.toml`,
  root: `${dir}/root`,
  state: `${dir}/state`,
});
await prepareDirectories(config);
await using _daemon = await listen(config, []);
console.log(JSON.stringify(Object.fromEntries(paths.map((path) => [path, modeOf(`${dir}/${path}`)]))));

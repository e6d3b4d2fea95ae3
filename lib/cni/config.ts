/** Network configurations of CNI (containernetworking/cni SPEC.md, section 1), as files in a directory have them. */
import { failedPrecondition, invalidArgument, messageOf } from "../errors.ts";

/** One plugin's part of it; the keys beside these are the plugin's own. */
export interface PluginConfig {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

/** A network: plugins that are asked one after the other. */
export interface NetworkConfig {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly PluginConfig[];
  /** The configuration as a list of plugins, which it may not have been in its file. */
  readonly text: string;
}

const newest = "1.1.0";
const LARGEST = 2 << 20;
const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * The default network of a directory: that of its first file by name, of those that end in `.conf`, `.conflist` or
 * `.json`. Throws FailedPrecondition without one, InvalidArgument for a wrong one.
 */
export async function defaultNetwork(dir: string): Promise<NetworkConfig> {
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  const [first] = names.filter((name) => /\.(conf|conflist|json)$/.test(name)).sort();
  if (!first) {
    throw failedPrecondition(`no network config found in ${dir} (NETCONFPATH names another directory)`);
  }
  const path = `${dir}/${first}`;
  const { size } = await Deno.stat(path);
  if (size > LARGEST) throw invalidArgument(`network config ${path} is larger than ${LARGEST} bytes`);
  return parseNetwork(await Deno.readTextFile(path), `network config ${path}`);
}

/** Reads a configuration, a list of plugins or a single one. `what` names it in errors: InvalidArgument. */
export function parseNetwork(text: string, what: string): NetworkConfig {
  const wrong = (why: string) => invalidArgument(`${what}: ${why}`);
  const config = objectIn(text, wrong);
  const { name, plugins = [config] } = config;
  if (typeof name !== "string" || !identifier.test(name)) {
    throw wrong(`no name of a network: ${JSON.stringify(name)}`);
  }
  if (!Array.isArray(plugins) || plugins.length === 0) throw wrong("no plugins");
  for (const plugin of plugins) {
    if (typeof plugin?.type !== "string" || !plugin.type) throw wrong("a plugin without a type");
    if (plugin.type.includes("/")) throw wrong(`${plugin.type} is a path, not a plugin's name`);
  }
  const cniVersion = versionOf(config, wrong);
  const list = config.plugins ? config : { name, cniVersion, plugins };
  return { name, cniVersion, plugins, text: JSON.stringify(list) };
}

function objectIn(text: string, wrong: (why: string) => Error): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw wrong(messageOf(error));
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) throw wrong("not an object");
  return config as Record<string, unknown>;
}

/** The newest that we know of those it is written for (`cniVersions`, since 1.1). */
function versionOf(config: Record<string, unknown>, wrong: (why: string) => Error): string {
  const { cniVersion = "0.1.0", cniVersions = [] } = config;
  const all = [cniVersion, ...Array.isArray(cniVersions) ? cniVersions : [cniVersions]];
  const bad = all.find((version) => typeof version !== "string" || !/^\d+\.\d+\.\d+$/.test(version));
  if (bad !== undefined) throw wrong(`no version of CNI: ${JSON.stringify(bad)}`);
  const known = (all as string[]).filter((version) => atLeast(newest, version)).sort((a, b) =>
    atLeast(a, b) ? -1 : 1
  );
  if (!known.length) throw wrong(`needs CNI ${all.join(" or ")}: ${newest} is the newest known`);
  return known[0]!;
}

/** Whether `version` is `other` or newer. */
export function atLeast(version: string, other: string): boolean {
  const [a, b] = [version, other].map((text) => text.split(".").map(Number));
  const differs = a!.findIndex((number, n) => number !== b![n]);
  return differs < 0 || a![differs]! > b![differs]!;
}

/** What brings a container's own interface up; runtimes know it under this name. */
export const loopback: NetworkConfig = parseNetwork(
  JSON.stringify({ cniVersion: "0.3.1", name: "cni-loopback", plugins: [{ type: "loopback" }] }),
  "loopback",
);

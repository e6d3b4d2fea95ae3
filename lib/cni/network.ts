/** Attaching containers to networks, and taking them off (SPEC.md, section 3). */
import { codeOf, CtrError, invalidArgument, messageOf } from "../errors.ts";
import { atLeast, loopback, type NetworkConfig, type PluginConfig } from "./config.ts";
import { type Attachment, callPlugin, findPlugin, type PluginResult } from "./plugin.ts";
import { type AttachmentRecord, recordsOf, removeRecord, writeRecord } from "./records.ts";

/** Where plugins and records are. */
export interface CniPlaces {
  /** Directories with plugins, searched in this order. */
  readonly dirs: readonly string[];
  /** Where the records of attachments are kept. */
  readonly cache: string;
}

export interface CniOptions extends CniPlaces {
  readonly signal?: AbortSignal;
}

const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Gives the network namespace at `netns` a loopback and, as `eth0`, an interface of `network`; gives the last
 * plugin's result. `capabilityArgs` go to plugins that have such a capability; InvalidArgument if none has.
 * Whatever was made is undone if a plugin fails; what that is stands in the record, also after a crash.
 */
export async function attach(
  network: NetworkConfig,
  { containerId, netns }: Pick<Attachment, "containerId" | "netns">,
  options: CniOptions & { capabilityArgs?: Readonly<Record<string, unknown>> },
): Promise<PluginResult | undefined> {
  const { capabilityArgs = {} } = options;
  if (!identifier.test(containerId)) {
    throw invalidArgument(`container id ${JSON.stringify(containerId)} for CNI`);
  }
  await checkPlugins(network, options.dirs, Object.keys(capabilityArgs));
  const own = { network: loopback, attachment: { containerId, netns, ifName: "lo" }, capabilityArgs: {} };
  const first = { network, attachment: { containerId, netns, ifName: "eth0" }, capabilityArgs };
  await add(own, options);
  try {
    return await add(first, options);
  } catch (error) {
    await remove(own, options).catch(() => {});
    throw error;
  }
}

/**
 * Throws FailedPrecondition for a plugin that is in no directory, InvalidArgument for a capability that none has:
 * before anything is made.
 */
export async function checkPlugins(
  network: NetworkConfig,
  dirs: readonly string[],
  capabilities: readonly string[],
): Promise<void> {
  for (const { type } of [...loopback.plugins, ...network.plugins]) await findPlugin(type, dirs);
  const missing = capabilities.find((one) => !network.plugins.some((plugin) => plugin.capabilities?.[one]));
  if (missing) throw invalidArgument(`network ${network.name} has no plugin with the capability ${missing}`);
}

/**
 * Gives back all that a container has of networks, by its records. With `netns` the namespace is still there, and
 * plugins can clean up in it. A record stays until its plugins have succeeded; the first failure is thrown at the end.
 */
export async function detach(
  containerId: string,
  { netns = "", ...options }: CniOptions & { netns?: string },
): Promise<void> {
  const failures: unknown[] = [];
  for (const record of await recordsOf(options.cache, containerId)) {
    const attachment = { ...record.attachment, netns };
    await remove({ ...record, attachment }, options).catch((error) => failures.push(error));
  }
  if (failures.length) throw failures[0];
}

async function add(record: AttachmentRecord, options: CniOptions): Promise<PluginResult | undefined> {
  const { network, attachment, capabilityArgs } = record;
  await writeRecord(options.cache, record);
  let result: PluginResult | undefined;
  try {
    for (const plugin of network.plugins) {
      const config = configFor(network, plugin, capabilityArgs, result);
      result = await callPlugin("ADD", config, attachment, options);
    }
    await writeRecord(options.cache, { ...record, result });
    return result;
  } catch (error) {
    throw await undone(error, { ...record, result }, options);
  }
}

/** The error to tell; what can't be undone is told, too, and its record stays. */
async function undone(error: unknown, record: AttachmentRecord, options: CniOptions): Promise<unknown> {
  try {
    // The call that has been cancelled must not cancel this.
    await remove(record, { ...options, signal: undefined });
    return error;
  } catch (left) {
    const text = `${messageOf(error)}; and it could not be undone: ${messageOf(left)}`;
    return new CtrError(codeOf(error), text, {
      cause: error,
    });
  }
}

/** The plugins in reverse order, each with what the last one said when it was made. */
async function remove(record: AttachmentRecord, options: CniOptions): Promise<void> {
  const { network, attachment, capabilityArgs, result } = record;
  const known = atLeast(network.cniVersion, "0.4.0") ? result : undefined;
  for (const plugin of network.plugins.toReversed()) {
    await callPlugin("DEL", configFor(network, plugin, capabilityArgs, known), attachment, options);
  }
  await removeRecord(options.cache, record);
}

/** A plugin's configuration as it gets it (SPEC.md, "Deriving execution configuration from plugin configuration"). */
function configFor(
  { name, cniVersion }: NetworkConfig,
  plugin: PluginConfig,
  capabilityArgs: Readonly<Record<string, unknown>>,
  prevResult: PluginResult | undefined,
) {
  const { capabilities = {}, ...config } = plugin;
  const args = Object.entries(capabilityArgs).filter(([capability]) => capabilities[capability]);
  return {
    ...config,
    type: plugin.type,
    name,
    cniVersion,
    ...args.length ? { runtimeConfig: Object.fromEntries(args) } : {},
    ...prevResult ? { prevResult } : {},
  };
}

/**
 * Networks of containers, as `ctr run --cni` makes them: plugins attach a task between its creation and its start, and
 * what a container's record says takes it off again. Clients do it, and the daemon for a task that it starts again: a
 * lock for each container keeps them apart.
 */
import { failedPrecondition } from "../errors.ts";
import { waitForLock } from "../sys/mod.ts";
import { defaultNetwork } from "./config.ts";
import { dropNamespace, keepNamespace, keptNamespace } from "./kept_namespace.ts";
import { attach, checkPlugins, detach } from "./network.ts";
import type { NetworkWishes } from "./wishes.ts";

/** Throws what is wrong with the configuration and its plugins as far as can be known without calling them. */
export async function checkNetwork({ configDir, dirs, ports = [] }: NetworkWishes): Promise<void> {
  await checkPlugins(await defaultNetwork(configDir), dirs, ports.length ? ["portMappings"] : []);
}

/** A container. */
export interface Who {
  readonly namespace: string;
  readonly id: string;
}

/** Who it is for plugins. */
const nameFor = ({ namespace, id }: Who) => `${namespace}-${id}`;

/** A container's place in a network; giving it back is safe to repeat. */
export interface Attached {
  detach(): Promise<void>;
}

/**
 * Attaches a created task, whose first process is `pid`, by the plugins of this machine. FailedPrecondition for a
 * task that has the network of its caller. The network namespace is kept until the container is taken off: its
 * process may end before, and plugins clean up less once it is gone.
 */
export async function attachNetwork(
  wishes: NetworkWishes,
  { namespace, id, pid }: Who & { pid: number },
  signal?: AbortSignal,
): Promise<Attached> {
  const network = await defaultNetwork(wishes.configDir);
  const own = `/proc/${pid}/ns/net`;
  if (await Deno.readLink(own) === await Deno.readLink("/proc/self/ns/net")) {
    throw failedPrecondition(`container ${id} has the host's network: CNI needs one of its own`);
  }
  const { dirs, cache, ports = [] } = wishes;
  const capabilityArgs = ports.length ? { portMappings: ports } : {};
  const containerId = nameFor({ namespace, id });
  await using _alone = await lockFor(cache, containerId);
  // What an earlier task has had, if nobody gave it back: plugins refuse to give twice.
  await giveBack(wishes, containerId, signal);
  const netns = await keepNamespace(cache, containerId, own);
  try {
    await attach(network, { containerId, netns }, { dirs, cache, signal, capabilityArgs });
  } catch (error) {
    await dropNamespace(cache, containerId);
    throw error;
  }
  return { detach: () => detachNetwork(wishes, { namespace, id }) };
}

export interface DetachOptions {
  readonly signal?: AbortSignal;
  /** Asked when nobody else is at it: whether there is a task again that the network is for. Then it stays. */
  readonly unless?: () => Promise<boolean>;
}

/** Gives back what a container's record tells of, whoever attached it; nothing is fine. */
export async function detachNetwork(
  wishes: NetworkWishes,
  who: Who,
  { signal, unless }: DetachOptions = {},
): Promise<void> {
  const containerId = nameFor(who);
  await using _alone = await lockFor(wishes.cache, containerId);
  if (await unless?.()) return;
  await giveBack(wishes, containerId, signal);
}

async function giveBack({ dirs, cache }: NetworkWishes, containerId: string, signal?: AbortSignal) {
  await detach(containerId, { dirs, cache, signal, netns: await keptNamespace(cache, containerId) });
  await dropNamespace(cache, containerId);
}

async function lockFor(cache: string, containerId: string): Promise<AsyncDisposable> {
  await Deno.mkdir(`${cache}/locks`, { recursive: true, mode: 0o700 });
  return await waitForLock(`${cache}/locks/${containerId}`);
}

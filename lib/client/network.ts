/**
 * Networks of containers by CNI, as `ctr run --cni` makes them: the client has the plugins attach a task between its
 * creation and its start, and a container's record says that they did, so that any client takes it off again.
 */
import type { Any } from "../api/google/protobuf/any.ts";
import type { Container } from "../api/services/containers/v1/containers.ts";
import {
  attach,
  checkPlugins,
  type CniPlaces,
  defaultNetwork,
  detach,
  type PortMapping,
} from "../cni/mod.ts";
import { Code, CtrError, failedPrecondition, messageOf } from "../errors.ts";
import { networkExtension } from "../labels.ts";
import { anyJson } from "../rpc/any.ts";
import { dropNamespace, keepNamespace, keptNamespace } from "./kept_namespace.ts";

/** What a container wants of networks. */
export interface NetworkWishes extends CniPlaces {
  /** The directory whose first configuration is taken. */
  readonly configDir: string;
  readonly ports?: readonly PortMapping[];
}

const typeUrl = "github.com/containerd/containerd/cmd/ctr/commands/NetworkMetaData";

/** Where Go's ctr and Debian have them. */
const defaults: NetworkWishes = {
  configDir: "/etc/cni/net.d",
  dirs: ["/opt/cni/bin", "/usr/lib/cni"],
  cache: "/var/lib/cni",
};

/** The usual places, or those that the environment names: NETCONFPATH, CNI_PATH (with colons) and CNI_CACHE. */
export function networkWishes(ports: readonly PortMapping[] = []): NetworkWishes {
  const path = Deno.env.get("CNI_PATH");
  return {
    configDir: Deno.env.get("NETCONFPATH") || defaults.configDir,
    dirs: path ? path.split(":").filter((dir) => dir) : defaults.dirs,
    cache: Deno.env.get("CNI_CACHE") || defaults.cache,
    ports,
  };
}

/** The extensions of a record that says so. Go's ctr reads nothing but the first field. */
export const extensionsFor = (wishes: NetworkWishes): Record<string, Any> => ({
  [networkExtension]: anyJson(typeUrl, { EnableCni: true, ...wishes }),
});

/** What a container's record says; undefined for one without a network of CNI's. */
export function wishesOf({ extensions }: Pick<Container, "extensions">): NetworkWishes | undefined {
  const extension = extensions[networkExtension];
  if (!extension) return undefined;
  let said: Partial<NetworkWishes> & { EnableCni?: boolean };
  try {
    said = JSON.parse(new TextDecoder().decode(extension.value));
  } catch (error) {
    throw new CtrError(Code.DataLoss, `container extension ${networkExtension}: ${messageOf(error)}`);
  }
  return said.EnableCni ? { ...defaults, ...said } : undefined;
}

/** Throws what is wrong with the configuration and its plugins as far as can be known without calling them. */
export async function checkNetwork({ configDir, dirs, ports = [] }: NetworkWishes): Promise<void> {
  await checkPlugins(await defaultNetwork(configDir), dirs, ports.length ? ["portMappings"] : []);
}

/** Who a container is for plugins. */
const nameFor = (namespace: string, id: string) => `${namespace}-${id}`;

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
  { namespace, id, pid }: { namespace: string; id: string; pid: number },
  signal?: AbortSignal,
): Promise<Attached> {
  const network = await defaultNetwork(wishes.configDir);
  const own = `/proc/${pid}/ns/net`;
  if (await Deno.readLink(own) === await Deno.readLink("/proc/self/ns/net")) {
    throw failedPrecondition(`container ${id} has the host's network: CNI needs one of its own`);
  }
  const { dirs, cache, ports = [] } = wishes;
  const capabilityArgs = ports.length ? { portMappings: ports } : {};
  const containerId = nameFor(namespace, id);
  // What an earlier task has had, if nobody gave it back: plugins refuse to give twice.
  await detachNetwork(wishes, { namespace, id }, signal);
  const netns = await keepNamespace(cache, containerId, own);
  try {
    await attach(network, { containerId, netns }, { dirs, cache, signal, capabilityArgs });
  } catch (error) {
    await dropNamespace(cache, containerId);
    throw error;
  }
  return { detach: () => detachNetwork(wishes, { namespace, id }) };
}

/** Gives back what a container's record tells of, whoever attached it; nothing is fine. */
export async function detachNetwork(
  { dirs, cache }: NetworkWishes,
  { namespace, id }: { namespace: string; id: string },
  signal?: AbortSignal,
): Promise<void> {
  const containerId = nameFor(namespace, id);
  await detach(containerId, { dirs, cache, signal, netns: await keptNamespace(cache, containerId) });
  await dropNamespace(cache, containerId);
}

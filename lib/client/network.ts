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
import { Access, closeDescriptor, openFd } from "../sys/mod.ts";

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
 * task that has the network of its caller. Hold on to what this gives: while the container's network namespace lasts,
 * plugins clean up more than later.
 */
export async function attachNetwork(
  wishes: NetworkWishes,
  { namespace, id, pid }: { namespace: string; id: string; pid: number },
  signal?: AbortSignal,
): Promise<Attached> {
  const network = await defaultNetwork(wishes.configDir);
  const netns = `/proc/${pid}/ns/net`;
  if (await Deno.readLink(netns) === await Deno.readLink("/proc/self/ns/net")) {
    throw failedPrecondition(`container ${id} has the host's network: CNI needs one of its own`);
  }
  const { dirs, cache, ports = [] } = wishes;
  const capabilityArgs = ports.length ? { portMappings: ports } : {};
  const containerId = nameFor(namespace, id);
  // What an earlier task has had, if nobody gave it back: plugins refuse to give twice.
  await detach(containerId, { dirs, cache, signal });
  await attach(network, { containerId, netns }, { dirs, cache, signal, capabilityArgs });
  let fd: number | undefined = openFd(netns, Access.READ);
  return {
    async detach() {
      const held = fd;
      fd = undefined;
      try {
        const kept = held === undefined ? "" : `/proc/${Deno.pid}/fd/${held}`;
        await detach(containerId, { dirs, cache, netns: kept });
      } finally {
        if (held !== undefined) closeDescriptor(held);
      }
    },
  };
}

/** Gives back what a container's record tells of, whoever attached it; nothing is fine. */
export async function detachNetwork(
  wishes: NetworkWishes,
  { namespace, id }: { namespace: string; id: string },
  signal?: AbortSignal,
): Promise<void> {
  const { dirs, cache } = wishes;
  await detach(nameFor(namespace, id), { dirs, cache, signal });
}

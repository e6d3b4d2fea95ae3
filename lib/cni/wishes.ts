/** What a container wants of networks, as its record says it: for whoever starts it, now or again. */
import type { Any } from "../api/google/protobuf/any.ts";
import type { Container } from "../api/services/containers/v1/containers.ts";
import { Code, CtrError, messageOf } from "../errors.ts";
import { networkExtension } from "../labels.ts";
import { anyJson } from "../rpc/any.ts";
import type { CniPlaces } from "./network.ts";
import type { PortMapping } from "./ports.ts";

/** What a container wants of networks. */
export interface NetworkWishes extends CniPlaces {
  /** The directory whose first configuration is taken. */
  readonly configDir: string;
  readonly ports?: readonly PortMapping[];
}

const typeUrl = "github.com/containerd/containerd/cmd/ctr/commands/NetworkMetaData";

/** Where Go's ctr and Debian have them. */
export const usualPlaces: NetworkWishes = {
  configDir: "/etc/cni/net.d",
  dirs: ["/opt/cni/bin", "/usr/lib/cni"],
  cache: "/var/lib/cni",
};

/** The extensions of a record that says so. Go's ctr reads nothing but the first field. */
export const extensionsFor = (wishes: NetworkWishes): Record<string, Any> => ({
  [networkExtension]: anyJson(typeUrl, { EnableCni: true, ...wishes }),
});

/** What a container's record says; undefined for one without a network of CNI's. Throws DataLoss. */
export function wishesOf({ extensions }: Pick<Container, "extensions">): NetworkWishes | undefined {
  const extension = extensions[networkExtension];
  if (!extension) return undefined;
  let said: Partial<NetworkWishes> & { EnableCni?: boolean };
  try {
    said = JSON.parse(new TextDecoder().decode(extension.value));
  } catch (error) {
    throw new CtrError(Code.DataLoss, `container extension ${networkExtension}: ${messageOf(error)}`);
  }
  return said.EnableCni ? { ...usualPlaces, ...said } : undefined;
}

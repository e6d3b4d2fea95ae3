/** Ports of the host that lead to a container's: the argument of the capability `portMappings`. */
import { invalidArgument } from "../errors.ts";

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** The address of the host; all of them if absent. */
  readonly hostIP?: string;
}

/** `[ADDRESS:]HOST:CONTAINER[/tcp|udp|sctp]`. Throws InvalidArgument. */
export function parsePort(text: string): PortMapping {
  const parts = /^(?:(\[[0-9a-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp|sctp))?$/
    .exec(text);
  const [hostPort, containerPort] = [Number(parts?.[2]), Number(parts?.[3])];
  const isPort = (port: number) => port > 0 && port < 65536;
  if (!parts || !isPort(hostPort) || !isPort(containerPort)) {
    throw invalidArgument(`port ${JSON.stringify(text)}: write [ADDRESS:]HOST:CONTAINER[/tcp|udp|sctp]`);
  }
  const protocol = (parts[4] ?? "tcp") as PortMapping["protocol"];
  const hostIP = parts[1]?.replace(/^\[|\]$/g, "");
  return { hostPort, containerPort, protocol, ...hostIP ? { hostIP } : {} };
}

/** The parts that the shim's operations share. */
import type { Codec } from "../rpc/service.ts";
import { anyOf } from "../rpc/any.ts";
import type { Epoll } from "../sys/mod.ts";
import type { Container, Containers } from "./container.ts";
import type { EventQueue } from "./events.ts";
import type { Reaper } from "./reaper.ts";

export interface Shim {
  /** The daemon's state directory; runc's own state is below it. */
  readonly state: string;
  /** The cgroup that it was told to be in; empty for none. */
  readonly cgroup: string;
  readonly containers: Containers;
  readonly reaper: Reaper;
  readonly epoll: Epoll;
  readonly events: EventQueue;
  /** Ends the shim once its events are delivered; one that lingers does so when nobody has come for a while. */
  quit(): Promise<void>;
}

/** Publishes an event of a container's, `TaskExit` say, under its topic. */
export function publish<T>(
  shim: Shim,
  container: Container,
  [topic, name, codec]: readonly [string, string, Codec<T>],
  event: T,
): void {
  shim.events.publish(container.namespace, topic, anyOf(`containerd.events.${name}`, codec, event));
}

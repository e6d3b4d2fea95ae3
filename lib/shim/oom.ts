/** Tells when the kernel kills in a container for want of memory. */
import { watchOom } from "../cgroups/mod.ts";
import { messageOf } from "../errors.ts";
import type { Container } from "./container.ts";
import { afterStart } from "./exit.ts";
import { publish, type Shim } from "./shim.ts";
import { cgroupOf } from "./stats.ts";
import { Topic } from "./topics.ts";

/**
 * From now on; called while the container's first process lives but has not run yet, so that nothing is missed.
 * A container whose kills can't be heard runs all the same.
 */
export function hearOom(shim: Shim, container: Container): void {
  try {
    const cgroup = cgroupOf(container);
    const tell = () => publish(shim, container, Topic.oom, { containerId: container.id });
    container.oom = cgroup && watchOom(cgroup, shim.epoll, () => afterStart(container.init, tell));
  } catch (error) {
    console.error(`no OOM events of container ${container.id}: ${messageOf(error)}`);
  }
}

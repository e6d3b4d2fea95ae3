/** The metrics of a cgroup as they go over the wire. */
import type { Any } from "../api/google/protobuf/any.ts";
import { notFound } from "../errors.ts";
import { anyOf } from "../rpc/any.ts";
import type { Cgroup } from "./locate.ts";

/** The type URLs of both versions' messages. */
export const metricsV1 = "io.containerd.cgroups.v1.Metrics";
export const metricsV2 = "io.containerd.cgroups.v2.Metrics";

/**
 * Reads a cgroup: less than a millisecond, all of it on this thread. What it takes is loaded with the first call, for
 * the version that is read: most shims are never asked. Throws NotFound for a cgroup that is gone.
 */
export async function readMetrics(cgroup: Cgroup): Promise<Any> {
  if (!isThere(cgroup)) throw notFound("cgroup");
  if (cgroup.version === 1) {
    const [{ readV1 }, { Metrics }] = await Promise.all([
      import("./v1.ts"),
      import("../api/cgroups/v1/metrics.ts"),
    ]);
    return anyOf(metricsV1, Metrics, readV1(cgroup));
  }
  const [{ readV2 }, { Metrics }] = await Promise.all([
    import("./v2.ts"),
    import("../api/cgroups/v2/metrics.ts"),
  ]);
  return anyOf(metricsV2, Metrics, readV2(cgroup.dir));
}

function isThere(cgroup: Cgroup): boolean {
  const dirs = cgroup.version === 1 ? [...cgroup.dirs.values()] : [cgroup.dir];
  return dirs.some((dir) => {
    try {
      return Deno.lstatSync(dir).isDirectory;
    } catch {
      return false;
    }
  });
}

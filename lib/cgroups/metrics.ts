/** The metrics of a cgroup as they go over the wire. */
import type { Any } from "../api/google/protobuf/any.ts";
import { Metrics as MetricsV1 } from "../api/cgroups/v1/metrics.ts";
import { Metrics as MetricsV2 } from "../api/cgroups/v2/metrics.ts";
import { notFound } from "../errors.ts";
import { anyOf } from "../rpc/any.ts";
import type { Cgroup } from "./locate.ts";
import { readV1 } from "./v1.ts";
import { readV2 } from "./v2.ts";

/** The type URLs of both versions' messages. */
export const metricsV1 = "io.containerd.cgroups.v1.Metrics";
export const metricsV2 = "io.containerd.cgroups.v2.Metrics";

/** Reads a cgroup: less than a millisecond, all of it on this thread. Throws NotFound for one that is gone. */
export function readMetrics(cgroup: Cgroup): Any {
  if (!isThere(cgroup)) throw notFound("cgroup");
  return cgroup.version === 1
    ? anyOf(metricsV1, MetricsV1, readV1(cgroup))
    : anyOf(metricsV2, MetricsV2, readV2(cgroup.dir));
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

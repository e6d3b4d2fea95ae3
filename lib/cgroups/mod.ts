/**
 * Control groups: where a process's are, what the kernel counts in them, and when it kills for want of memory.
 *
 * Both versions, by what the host has: version 1 has a hierarchy for each controller (a hybrid host beside them a
 * version 2 one without controllers that matter), version 2 a single one. This room only reads; cgroups are made
 * and limited by the OCI runtime.
 */
export { type Cgroup, locateCgroup } from "./locate.ts";
export { metricsV1, metricsV2, readMetrics } from "./metrics.ts";
export { type OomWatch, watchOom } from "./oom.ts";

/**
 * containerd's metrics of containers in cgroups of version 2: names, units and words are those of its releases,
 * odd ones included (page faults are "bytes", counters are gauges).
 */
import type { CPUStat, IOEntry, MemoryStat, Metrics } from "../api/cgroups/v2/metrics.ts";
import type { ContainerMetric, Value } from "./metrics_containers.ts";

const one = (value: bigint | undefined): Value[] => value === undefined ? [] : [{ value }];

const gauge = (name: string, help: string, values: (metrics: Metrics) => Value[]) =>
  ({ name, help, type: "gauge", values }) as const;

const cpu: readonly (readonly [string, string, keyof CPUStat])[] = [
  ["usage_microseconds", "Total cpu usage (cgroup v2)", "usageUsec"],
  ["user_usage_microseconds", "Current cpu usage in user space (cgroup v2)", "userUsec"],
  ["kernel_usage_microseconds", "Current cpu usage in kernel space (cgroup v2)", "systemUsec"],
  ["nr_periods_total", "Current cpu number of periods (only if controller is enabled)", "nrPeriods"],
  [
    "nr_throttled_total",
    "Total number of times tasks have been throttled (only if controller is enabled)",
    "nrThrottled",
  ],
  [
    "throttled_usec_microseconds",
    "Total time duration for which tasks have been throttled. (only if controller is enabled)",
    "throttledUsec",
  ],
];

const memory: readonly (readonly [string, string, keyof MemoryStat])[] = [
  ["usage", "Current memory usage (cgroup v2)", "usage"],
  ["usage_limit", "Current memory usage limit (cgroup v2)", "usageLimit"],
  ["swap_usage", "Current swap usage (cgroup v2)", "swapUsage"],
  ["swap_limit", "Current swap usage limit (cgroup v2)", "swapLimit"],
];

/** Fields of memory.stat, by their name in it. */
const memoryStat: Readonly<Record<string, keyof MemoryStat>> = {
  file_mapped: "fileMapped",
  file_dirty: "fileDirty",
  file_writeback: "fileWriteback",
  pgactivate: "pgactivate",
  pgdeactivate: "pgdeactivate",
  pgfault: "pgfault",
  pgmajfault: "pgmajfault",
  pglazyfree: "pglazyfree",
  pgrefill: "pgrefill",
  pglazyfreed: "pglazyfreed",
  pgscan: "pgscan",
  pgsteal: "pgsteal",
  inactive_anon: "inactiveAnon",
  active_anon: "activeAnon",
  inactive_file: "inactiveFile",
  active_file: "activeFile",
  unevictable: "unevictable",
  anon: "anon",
  file: "file",
  kernel_stack: "kernelStack",
  slab: "slab",
  sock: "sock",
  shmem: "shmem",
  anon_thp: "anonThp",
  slab_reclaimable: "slabReclaimable",
  slab_unreclaimable: "slabUnreclaimable",
  workingset_refault: "workingsetRefault",
  workingset_activate: "workingsetActivate",
  workingset_nodereclaim: "workingsetNodereclaim",
  thp_fault_alloc: "thpFaultAlloc",
  thp_collapse_alloc: "thpCollapseAlloc",
};

const io: readonly (readonly [string, string, keyof IOEntry])[] = [
  ["rbytes_bytes", "IO bytes read", "rbytes"],
  ["wbytes_bytes", "IO bytes written", "wbytes"],
  ["rios_total", "Number of read IOs", "rios"],
  ["wios_total", "Number of write IOs", "wios"],
];

/** All of them. */
export const metricsOfV2: readonly ContainerMetric<Metrics>[] = [
  gauge("pids_current", "The current number of pids (cgroup v2)", ({ pids }) => one(pids?.current)),
  gauge("pids_limit", "The limit to the number of pids allowed (cgroup v2)", ({ pids }) => one(pids?.limit)),
  ...cpu.map(([name, help, field]) =>
    gauge(`cpu_${name}`, help, (metrics) => one(metrics.cpu?.[field] as bigint | undefined))
  ),
  ...[
    ...memory,
    ...Object.entries(memoryStat).map(([name, field]) => [name, `The ${name} amount`, field] as const),
  ].map(([name, help, field]) =>
    gauge(`memory_${name}_bytes`, help, (metrics) => one(metrics.memory?.[field] as bigint | undefined))
  ),
  gauge(
    "memory_oom_total",
    "The number of times a container has received an oom event",
    ({ memoryEvents }) => one(memoryEvents?.oom),
  ),
  ...io.map(([name, help, field]) =>
    gauge(`io_${name}`, help, (metrics) =>
      (metrics.io?.usage ?? []).map((entry) => ({
        value: entry[field],
        labels: { major: String(entry.major), minor: String(entry.minor) },
      })))
  ),
];

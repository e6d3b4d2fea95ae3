/**
 * containerd's metrics of containers in cgroups of version 1: names, units and words are those of its 1.6, which
 * dashboards are made for, odd ones included (page faults are "bytes", counters are gauges).
 */
import type { BlkIOEntry, BlkIOStat, MemoryEntry, MemoryStat, Metrics } from "../api/cgroups/v1/metrics.ts";
import type { ContainerMetric, Value } from "./metrics_containers.ts";

const one = (value: bigint | undefined): Value[] => value === undefined ? [] : [{ value }];

const gauge = (name: string, help: string, values: (metrics: Metrics) => Value[]) =>
  ({ name, help, type: "gauge", values }) as const;

/** Fields of memory.stat by their name in it; those of the whole subtree are there too, with `total_` before. */
const memory: Readonly<Record<string, keyof MemoryStat>> = {
  cache: "cache",
  rss: "rss",
  rss_huge: "rssHuge",
  mapped_file: "mappedFile",
  dirty: "dirty",
  writeback: "writeback",
  pgpgin: "pgPgIn",
  pgpgout: "pgPgOut",
  pgfault: "pgFault",
  pgmajfault: "pgMajFault",
  inactive_anon: "inactiveAnon",
  active_anon: "activeAnon",
  inactive_file: "inactiveFile",
  active_file: "activeFile",
  unevictable: "unevictable",
  hierarchical_memory_limit: "hierarchicalMemoryLimit",
  hierarchical_memsw_limit: "hierarchicalSwapLimit",
  total_cache: "totalCache",
  total_rss: "totalRss",
  total_rss_huge: "totalRssHuge",
  total_mapped_file: "totalMappedFile",
  total_dirty: "totalDirty",
  total_writeback: "totalWriteback",
  total_pgpgin: "totalPgPgIn",
  total_pgpgout: "totalPgPgOut",
  total_pgfault: "totalPgFault",
  total_pgmajfault: "totalPgMajFault",
  total_inactive_anon: "totalInactiveAnon",
  total_active_anon: "totalActiveAnon",
  total_inactive_file: "totalInactiveFile",
  total_active_file: "totalActiveFile",
  total_unevictable: "totalUnevictable",
};
const used = /^(total_)?(cache|rss|rss_huge|mapped_file)$/;

const memoryMetrics = Object.entries(memory).map(([name, field]) =>
  gauge(
    `memory_${name}_bytes`,
    `The ${name} amount${used.test(name) ? " used" : ""}`,
    (metrics) => one(metrics.memory?.[field] as bigint | undefined),
  )
);

const entries: readonly (readonly [string, "usage" | "swap" | "kernel" | "kernelTcp"])[] = [
  ["usage", "usage"],
  ["swap", "swap"],
  ["kernel", "kernel"],
  ["kerneltcp", "kernelTcp"],
];

const entryMetrics = entries.flatMap(([name, field]) => {
  const what = name === "usage" ? "memory" : name;
  const of = (part: keyof MemoryEntry) => (metrics: Metrics) => one(metrics.memory?.[field]?.[part]);
  return [
    gauge(`memory_${name}_failcnt_total`, `The ${name} failcnt`, of("failcnt")),
    gauge(`memory_${name}_limit_bytes`, `The ${what} limit`, of("limit")),
    gauge(`memory_${name}_max_bytes`, `The ${what} maximum usage`, of("max")),
    gauge(`memory_${name}_usage_bytes`, `The ${what} usage`, of("usage")),
  ];
});

const cpuMetrics = [
  gauge("cpu_total_nanoseconds", "The total cpu time", ({ cpu }) => one(cpu?.usage?.total)),
  gauge("cpu_kernel_nanoseconds", "The total kernel cpu time", ({ cpu }) => one(cpu?.usage?.kernel)),
  gauge("cpu_user_nanoseconds", "The total user cpu time", ({ cpu }) => one(cpu?.usage?.user)),
  gauge(
    "per_cpu_nanoseconds",
    "The total cpu time per cpu",
    ({ cpu }) => (cpu?.usage?.perCpu ?? []).map((value, n) => ({ value, labels: { cpu: String(n) } })),
  ),
  gauge(
    "cpu_throttle_periods_total",
    "The total cpu throttle periods",
    ({ cpu }) => one(cpu?.throttling?.periods),
  ),
  gauge(
    "cpu_throttled_periods_total",
    "The total cpu throttled periods",
    ({ cpu }) => one(cpu?.throttling?.throttledPeriods),
  ),
  gauge(
    "cpu_throttled_time_nanoseconds",
    "The total cpu throttled time",
    ({ cpu }) => one(cpu?.throttling?.throttledTime),
  ),
];

const blkio: readonly (readonly [string, string, keyof BlkIOStat])[] = [
  ["io_merged_recursive", "total", "ioMergedRecursive"],
  ["io_queued_recursive", "total", "ioQueuedRecursive"],
  ["io_service_bytes_recursive", "bytes", "ioServiceBytesRecursive"],
  ["io_service_time_recursive", "total", "ioServiceTimeRecursive"],
  ["io_serviced_recursive", "total", "ioServicedRecursive"],
  ["io_time_recursive", "total", "ioTimeRecursive"],
  ["sectors_recursive", "total", "sectorsRecursive"],
];

const transfers = (entries: BlkIOEntry[] = []) =>
  entries.map(({ op, device, major, minor, value }) => ({
    value,
    labels: { op, device, major: String(major), minor: String(minor) },
  }));

const blkioMetrics = blkio.map(([name, unit, field]) =>
  gauge(
    `blkio_${name}_${unit}`,
    `The blkio ${name.replaceAll("_", " ")}`,
    (metrics) => transfers(metrics.blkio?.[field]),
  )
);

const hugetlbMetrics = (["usage", "failcnt", "max"] as const).map((field) =>
  gauge(
    `hugetlb_${field}_${field === "failcnt" ? "total" : "bytes"}`,
    `The hugetlb ${field === "max" ? "maximum usage" : field}`,
    ({ hugetlb }) => hugetlb.map((stat) => ({ value: stat[field], labels: { page: stat.pagesize } })),
  )
);

/** All of them. The last has the name that containerd documents, and 1.6 has no values for. */
export const metricsOfV1: readonly ContainerMetric<Metrics>[] = [
  gauge("pids_current", "The current number of pids", ({ pids }) => one(pids?.current)),
  gauge("pids_limit", "The limit to the number of pids allowed", ({ pids }) => one(pids?.limit)),
  ...cpuMetrics,
  ...memoryMetrics,
  ...entryMetrics,
  ...blkioMetrics,
  ...hugetlbMetrics,
  {
    name: "memory_oom_total",
    help: "The number of times a container has received an oom event",
    type: "counter",
    values: ({ memoryOomControl }) => one(memoryOomControl?.oomKill),
  },
];

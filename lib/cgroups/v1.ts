/**
 * What a cgroup of version 1 counts (kernel's Documentation/admin-guide/cgroup-v1), as containerd's message has it:
 * times in nanoseconds, a limit that isn't there as 0.
 */
import type { CPUStat, HugetlbStat, Metrics, PidsStat } from "../api/cgroups/v1/metrics.ts";
import { hugePageSizes, parseNumber, readCounts, readNumber, readText } from "./files.ts";
import type { Cgroup } from "./locate.ts";
import { readRdma } from "./rdma.ts";
import { readBlkio } from "./v1_blkio.ts";
import { readMemory, readOomControl } from "./v1_memory.ts";

/** Reads all controllers that the cgroup has. */
export function readV1({ dirs }: Extract<Cgroup, { version: 1 }>): Metrics {
  const read = <T>(controller: string, reader: (dir: string) => T) => {
    const dir = dirs.get(controller);
    return dir === undefined ? undefined : reader(dir);
  };
  return {
    hugetlb: read("hugetlb", readHugetlb) ?? [],
    pids: read("pids", readPids),
    cpu: readCpu(dirs.get("cpuacct"), dirs.get("cpu")),
    memory: read("memory", readMemory),
    blkio: read("blkio", readBlkio),
    rdma: read("rdma", readRdma),
    network: [],
    cgroupStats: undefined,
    memoryOomControl: read("memory", readOomControl),
  };
}

const readPids = (dir: string): PidsStat => ({
  current: readNumber(`${dir}/pids.current`),
  limit: readNumber(`${dir}/pids.max`),
});

// USER_HZ is 100 on all architectures that Deno runs on.
const NANOS_PER_TICK = 10_000_000n;

function readCpu(accounting: string | undefined, cpu: string | undefined): CPUStat | undefined {
  if (accounting === undefined && cpu === undefined) return undefined;
  const ticks = readCounts(`${accounting}/cpuacct.stat`);
  const stat = readCounts(`${cpu}/cpu.stat`);
  return {
    usage: accounting === undefined ? undefined : {
      total: readNumber(`${accounting}/cpuacct.usage`),
      kernel: ticks("system") * NANOS_PER_TICK,
      user: ticks("user") * NANOS_PER_TICK,
      perCpu: (readText(`${accounting}/cpuacct.usage_percpu`) ?? "").split(/\s+/).filter(Boolean).map(
        parseNumber,
      ),
    },
    throttling: cpu === undefined ? undefined : {
      periods: stat("nr_periods"),
      throttledPeriods: stat("nr_throttled"),
      throttledTime: stat("throttled_time"),
    },
  };
}

function readHugetlb(dir: string): HugetlbStat[] {
  return hugePageSizes().map((pagesize) => ({
    usage: readNumber(`${dir}/hugetlb.${pagesize}.usage_in_bytes`),
    max: readNumber(`${dir}/hugetlb.${pagesize}.max_usage_in_bytes`),
    failcnt: readNumber(`${dir}/hugetlb.${pagesize}.failcnt`),
    pagesize,
  }));
}

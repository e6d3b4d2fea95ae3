/**
 * What a cgroup of version 2 counts (kernel's Documentation/admin-guide/cgroup-v2.rst), as containerd's message has
 * it: times in microseconds, no limit as the largest number.
 */
import type { CPUStat, HugeTlbStat, IOEntry, MemoryEvents, Metrics } from "../api/cgroups/v2/metrics.ts";
import {
  hugePageSizes,
  parseNumber,
  readCounts,
  readLines,
  readNumber,
  readText,
  unlimited,
} from "./files.ts";
import { readPressure } from "./pressure.ts";
import { readRdma } from "./rdma.ts";
import { readMemory } from "./v2_memory.ts";

/** Reads all controllers. `hugePages`: the host's directory of huge pages. */
export function readV2(dir: string, hugePages?: string): Metrics {
  return {
    pids: { current: readNumber(`${dir}/pids.current`), limit: readNumber(`${dir}/pids.max`, unlimited) },
    cpu: readCpu(dir),
    memory: readMemory(dir),
    rdma: readRdma(dir),
    io: { usage: readIo(dir), psi: readPressure(`${dir}/io.pressure`) },
    hugetlb: readHugetlb(dir, hugePages),
    memoryEvents: readMemoryEvents(dir),
    network: [],
  };
}

function readCpu(dir: string): CPUStat {
  const stat = readCounts(`${dir}/cpu.stat`);
  return {
    usageUsec: stat("usage_usec"),
    userUsec: stat("user_usec"),
    systemUsec: stat("system_usec"),
    nrPeriods: stat("nr_periods"),
    nrThrottled: stat("nr_throttled"),
    throttledUsec: stat("throttled_usec"),
    psi: readPressure(`${dir}/cpu.pressure`),
    nrBursts: stat("nr_bursts"),
    burstUsec: stat("burst_usec"),
  };
}

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
function readIo(dir: string): IOEntry[] {
  return readLines(`${dir}/io.stat`).flatMap(([device, ...pairs]) => {
    const [, major, minor] = /^(\d+):(\d+)$/.exec(device!) ?? [];
    if (minor === undefined || !pairs.length) return [];
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const valueOf = (name: string) => parseNumber(values.get(name));
    return [{
      major: BigInt(major!),
      minor: BigInt(minor),
      rbytes: valueOf("rbytes"),
      wbytes: valueOf("wbytes"),
      rios: valueOf("rios"),
      wios: valueOf("wios"),
    }];
  });
}

function readHugetlb(dir: string, hugePages?: string): HugeTlbStat[] {
  return hugePageSizes(hugePages).map((pagesize) => ({
    current: readNumber(`${dir}/hugetlb.${pagesize}.current`),
    max: readNumber(`${dir}/hugetlb.${pagesize}.max`, unlimited),
    pagesize,
    failcnt: readCounts(`${dir}/hugetlb.${pagesize}.events`)("max"),
  }));
}

function readMemoryEvents(dir: string): MemoryEvents | undefined {
  if (!readText(`${dir}/memory.events`)) return undefined;
  const events = readCounts(`${dir}/memory.events`);
  return {
    low: events("low"),
    high: events("high"),
    max: events("max"),
    oom: events("oom"),
    oomKill: events("oom_kill"),
    oomGroupKill: events("oom_group_kill"),
  };
}

/** The memory controller of version 1. */
import type { MemoryEntry, MemoryOomControl, MemoryStat } from "../api/cgroups/v1/metrics.ts";
import { readCounts, readNumber } from "./files.ts";

/** Use, limits and what the memory is used for, in bytes. */
export function readMemory(dir: string): MemoryStat {
  const stat = readCounts(`${dir}/memory.stat`);
  return {
    cache: stat("cache"),
    rss: stat("rss"),
    rssHuge: stat("rss_huge"),
    mappedFile: stat("mapped_file"),
    dirty: stat("dirty"),
    writeback: stat("writeback"),
    pgPgIn: stat("pgpgin"),
    pgPgOut: stat("pgpgout"),
    pgFault: stat("pgfault"),
    pgMajFault: stat("pgmajfault"),
    inactiveAnon: stat("inactive_anon"),
    activeAnon: stat("active_anon"),
    inactiveFile: stat("inactive_file"),
    activeFile: stat("active_file"),
    unevictable: stat("unevictable"),
    hierarchicalMemoryLimit: stat("hierarchical_memory_limit"),
    hierarchicalSwapLimit: stat("hierarchical_memsw_limit"),
    totalCache: stat("total_cache"),
    totalRss: stat("total_rss"),
    totalRssHuge: stat("total_rss_huge"),
    totalMappedFile: stat("total_mapped_file"),
    totalDirty: stat("total_dirty"),
    totalWriteback: stat("total_writeback"),
    totalPgPgIn: stat("total_pgpgin"),
    totalPgPgOut: stat("total_pgpgout"),
    totalPgFault: stat("total_pgfault"),
    totalPgMajFault: stat("total_pgmajfault"),
    totalInactiveAnon: stat("total_inactive_anon"),
    totalActiveAnon: stat("total_active_anon"),
    totalInactiveFile: stat("total_inactive_file"),
    totalActiveFile: stat("total_active_file"),
    totalUnevictable: stat("total_unevictable"),
    usage: readEntry(dir, "memory"),
    swap: readEntry(dir, "memory.memsw"),
    kernel: readEntry(dir, "memory.kmem"),
    kernelTcp: readEntry(dir, "memory.kmem.tcp"),
  };
}

const readEntry = (dir: string, kind: string): MemoryEntry => ({
  limit: readNumber(`${dir}/${kind}.limit_in_bytes`),
  usage: readNumber(`${dir}/${kind}.usage_in_bytes`),
  max: readNumber(`${dir}/${kind}.max_usage_in_bytes`),
  failcnt: readNumber(`${dir}/${kind}.failcnt`),
});

/** What the kernel does when there is no memory left, and how often it has. */
export function readOomControl(dir: string): MemoryOomControl {
  const control = readCounts(`${dir}/memory.oom_control`);
  return {
    oomKillDisable: control("oom_kill_disable"),
    underOom: control("under_oom"),
    oomKill: control("oom_kill"),
  };
}

/** The memory controller of version 2. */
import type { MemoryStat } from "../api/cgroups/v2/metrics.ts";
import { readCounts, readNumber, unlimited } from "./files.ts";
import { readPressure } from "./pressure.ts";

/** Use, limits and what the memory is used for, in bytes. */
export function readMemory(dir: string): MemoryStat {
  const stat = readCounts(`${dir}/memory.stat`);
  return {
    anon: stat("anon"),
    file: stat("file"),
    kernelStack: stat("kernel_stack"),
    slab: stat("slab"),
    sock: stat("sock"),
    shmem: stat("shmem"),
    fileMapped: stat("file_mapped"),
    fileDirty: stat("file_dirty"),
    fileWriteback: stat("file_writeback"),
    anonThp: stat("anon_thp"),
    inactiveAnon: stat("inactive_anon"),
    activeAnon: stat("active_anon"),
    inactiveFile: stat("inactive_file"),
    activeFile: stat("active_file"),
    unevictable: stat("unevictable"),
    slabReclaimable: stat("slab_reclaimable"),
    slabUnreclaimable: stat("slab_unreclaimable"),
    pgfault: stat("pgfault"),
    pgmajfault: stat("pgmajfault"),
    workingsetRefault: stat("workingset_refault"),
    workingsetActivate: stat("workingset_activate"),
    workingsetNodereclaim: stat("workingset_nodereclaim"),
    pgrefill: stat("pgrefill"),
    pgscan: stat("pgscan"),
    pgsteal: stat("pgsteal"),
    pgactivate: stat("pgactivate"),
    pgdeactivate: stat("pgdeactivate"),
    pglazyfree: stat("pglazyfree"),
    pglazyfreed: stat("pglazyfreed"),
    thpFaultAlloc: stat("thp_fault_alloc"),
    thpCollapseAlloc: stat("thp_collapse_alloc"),
    usage: readNumber(`${dir}/memory.current`),
    usageLimit: readNumber(`${dir}/memory.max`, unlimited),
    swapUsage: readNumber(`${dir}/memory.swap.current`),
    swapLimit: readNumber(`${dir}/memory.swap.max`, unlimited),
    maxUsage: readNumber(`${dir}/memory.peak`),
    swapMaxUsage: readNumber(`${dir}/memory.swap.peak`),
    psi: readPressure(`${dir}/memory.pressure`),
    workingsetRefaultAnon: stat("workingset_refault_anon"),
    workingsetRefaultFile: stat("workingset_refault_file"),
    workingsetActivateAnon: stat("workingset_activate_anon"),
    workingsetActivateFile: stat("workingset_activate_file"),
  };
}

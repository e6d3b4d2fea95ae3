/** The flags that say what a container may use up. */
import type { Flag } from "../command.ts";

/** Of `containers create` and of `run`. */
export const resourceFlags: readonly Flag[] = [
  {
    name: "memory-limit",
    value: "bytes",
    usage: "memory limit for the container (64m and 2g will do)",
    default: "0",
  },
  { name: "cpus", value: "value", usage: "set the CFS cpu quota", default: "0" },
  { name: "cpu-shares", value: "value", usage: "set the cpu shares" },
  { name: "cpu-quota", value: "value", usage: "limit CPU CFS quota", default: "-1" },
  { name: "cpu-period", value: "value", usage: "limit CPU CFS period", default: "0" },
  { name: "cpu-burst", value: "value", usage: "time saved up beyond the CFS quota, in microseconds" },
  { name: "cpuset-cpus", value: "value", usage: "the CPUs the container will run on (e.g. 1-2,4)" },
  { name: "cpuset-mems", value: "value", usage: "the memory nodes the container will use (e.g. 0,1)" },
  { name: "pids-limit", value: "number", usage: "most processes and threads of the container" },
  { name: "rlimit-nofile", value: "soft[:hard]", usage: "limit of open files" },
  {
    name: "rlimit",
    value: "type=soft[:hard]",
    many: true,
    usage: "any resource limit of a process (e.g. nproc=64:128, core=0, memlock=unlimited)",
  },
  {
    name: "oom-score-adj",
    value: "number",
    usage: "how soon the kernel ends it when memory is short (-1000 to 1000)",
  },
  {
    name: "blockio-config-file",
    value: "path",
    usage: "file with classes of block I/O (YAML or JSON, as goresctrl has them)",
  },
  { name: "blockio-class", value: "name", usage: "class of block I/O, from the file" },
  { name: "rdt-class", value: "name", usage: "class of cache and memory bandwidth (Intel RDT)" },
];

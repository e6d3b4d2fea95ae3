/** What `ctr tasks update` can change. */
import type { Flag } from "../command.ts";

/** Flags of `tasks update`. */
export const updateFlags: readonly Flag[] = [
  { name: "memory-limit", value: "value", usage: "most memory (in bytes)" },
  { name: "memory-swap", value: "value", usage: "most memory and swap together (in bytes)" },
  { name: "memory-reservation", value: "value", usage: "memory that it is left with when others want some" },
  { name: "cpus", value: "value", usage: "time on so many CPUs, 1.5 say" },
  { name: "cpu-shares", value: "value", usage: "weight against other containers" },
  { name: "cpu-quota", value: "value", usage: "microseconds of time in each period" },
  { name: "cpu-period", value: "value", usage: "length of a period (in microseconds)" },
  { name: "cpuset-cpus", value: "value", usage: "CPUs to run on, 0-2,4 say" },
  { name: "cpuset-mems", value: "value", usage: "memory nodes to use" },
  { name: "pids-limit", value: "value", usage: "most processes and threads" },
  { name: "resources", value: "path", usage: "file with a runtime-spec LinuxResources as JSON, - for stdin" },
  { name: "annotation", value: "name=value", many: true, usage: "for the runtime" },
];

/** Limits of a running container, as an update names them (runtime-spec, "Control groups"). */

/** The type URL of resources in an update. */
export const resourcesUrl = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

/** What is left out stays as it is. Bytes, microseconds, and -1 for no limit, where nothing else is said. */
export interface Resources {
  readonly memory?: {
    readonly limit?: number;
    readonly reservation?: number;
    /** Memory and swap together. */
    readonly swap?: number;
  };
  readonly cpu?: {
    /** A weight: 1024 is usual. */
    readonly shares?: number;
    /** Processor time in each period. */
    readonly quota?: number;
    readonly period?: number;
    /** CPUs, "0-2,4" say. */
    readonly cpus?: string;
    /** Memory nodes. */
    readonly mems?: string;
  };
  /** Processes and threads. */
  readonly pids?: { readonly limit: number };
  readonly blockIO?: { readonly weight?: number };
  /** Of huge pages of one size, "2MB" say. */
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** cgroup v2 alone: values by file name, "memory.high" say. */
  readonly unified?: Readonly<Record<string, string>>;
}

/**
 * The runtime spec: its shape, and that of a container nobody has said anything about, as containerd's clients
 * make it.
 */
import type { IdMapping } from "../id_mappings.ts";

import type { BlockIo } from "./blockio.ts";
import type { Seccomp } from "./seccomp.ts";

/** The runtime spec, as far as it is shaped here (opencontainers/runtime-spec, config.md). */
export interface Spec {
  ociVersion: string;
  process: ProcessSpec;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts: SpecMount[];
  annotations?: Record<string, string>;
  linux: Linux;
}

export interface ProcessSpec {
  terminal?: boolean;
  user: { uid: number; gid: number; additionalGids?: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<"bounding" | "effective" | "permitted", string[]>;
  rlimits: { type: string; hard: number; soft: number }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
}

export interface SpecMount {
  destination: string;
  type: string;
  source?: string;
  options?: string[];
}

export interface DeviceRule {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access: string;
}

/** Shares are relative to other containers'; quota, burst and period are microseconds. */
export interface CpuLimits {
  shares?: number;
  quota?: number;
  burst?: number;
  period?: number;
  cpus?: string;
  mems?: string;
}

export interface Linux {
  resources: {
    devices: DeviceRule[];
    memory?: { limit: number };
    cpu?: CpuLimits;
    pids?: { limit: number };
    blockIO?: BlockIo;
  };
  cgroupsPath?: string;
  namespaces: { type: string; path?: string }[];
  uidMappings?: readonly IdMapping[];
  gidMappings?: readonly IdMapping[];
  devices?: {
    path: string;
    type: string;
    major: number;
    minor: number;
    fileMode: number;
    uid: number;
    gid: number;
  }[];
  rootfsPropagation?: string;
  seccomp?: Seccomp;
  /** Class of cache and memory bandwidth (Intel RDT). */
  intelRdt?: { closID?: string };
  maskedPaths?: string[];
  readonlyPaths?: string[];
}

const capabilities = ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP " +
  "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split(" ").map((name) => `CAP_${name}`);

const tmpfs = ["nosuid", "strictatime", "mode=755", "size=65536k"];
const sealed = ["nosuid", "noexec", "nodev"];

/** A spec of its own each time: nothing in it is shared. Inheritable and ambient capabilities: none. */
export function defaultSpec(namespace: string, id: string): Spec {
  return {
    ociVersion: "1.0.2-dev",
    process: {
      user: { uid: 0, gid: 0 },
      args: [],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: {
        bounding: [...capabilities],
        effective: [...capabilities],
        permitted: [...capabilities],
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    mounts: defaultMounts(),
    linux: {
      resources: { devices: deviceRules() },
      cgroupsPath: `/${namespace}/${id}`,
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
      maskedPaths: maskedPaths.map((path) => path),
      readonlyPaths: ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`),
    },
  };
}

/** `/sys/devices/virtual/powercap` tells how much power the host draws, and by it what others compute. */
const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
  "/proc/scsi",
];

function defaultMounts(): SpecMount[] {
  const pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
  const shm = [...sealed, "mode=1777", "size=65536k"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: [...sealed] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: [...tmpfs] },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: pts },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: shm },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: [...sealed] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...sealed, "ro"] },
    { destination: "/run", type: "tmpfs", source: "tmpfs", options: [...tmpfs] },
  ];
}

/** null, random, full, tty, zero, urandom, console, pts, ptmx (devices.txt of the kernel). */
function deviceRules(): DeviceRule[] {
  const allowed: [number, number?][] = [
    [1, 3],
    [1, 8],
    [1, 7],
    [5, 0],
    [1, 5],
    [1, 9],
    [5, 1],
    [136],
    [5, 2],
  ];
  return [
    { allow: false, access: "rwm" },
    ...allowed.map(([major, minor]) => ({ allow: true, type: "c", major, minor, access: "rwm" })),
  ];
}

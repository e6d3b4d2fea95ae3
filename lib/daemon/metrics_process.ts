/** Metrics of this process, under the names that Prometheus' clients give them. */
import { revision, version } from "../version.ts";
import type { Family } from "./metrics_text.ts";

// USER_HZ is 100 on all architectures that Deno runs on.
const TICKS = 100;

/** What /proc/self says, and what was built. A number that can't be read is left out. */
export function processFamilies(): Family[] {
  const status = readText("/proc/self/status");
  const kibibytes = (name: string) => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return value === undefined ? undefined : Number(value) * 1024;
  };
  const stat = readText("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const boot = Number(/^btime (\d+)$/m.exec(readText("/proc/stat"))?.[1]);
  const most = Number(/^Max open files\s+(\d+)/m.exec(readText("/proc/self/limits"))?.[1]);
  return [
    build(),
    one("process_resident_memory_bytes", "Resident memory size in bytes.", kibibytes("VmRSS")),
    one("process_virtual_memory_bytes", "Virtual memory size in bytes.", kibibytes("VmSize")),
    one(
      "process_cpu_seconds_total",
      "Total user and system CPU time spent in seconds.",
      (fields[11]! + fields[12]!) / TICKS,
      "counter",
    ),
    one(
      "process_start_time_seconds",
      "Start time of the process since unix epoch in seconds.",
      boot + fields[19]! / TICKS,
    ),
    one("process_open_fds", "Number of open file descriptors.", openFiles()),
    one("process_max_fds", "Maximum number of open file descriptors.", most),
  ];
}

/** A family of one value, which is left out if it is no number. */
export function one(
  name: string,
  help: string,
  value: number | undefined,
  type: "gauge" | "counter" = "gauge",
): Family {
  return { name, help, type, samples: value === undefined || Number.isNaN(value) ? [] : [{ value }] };
}

const build = (): Family => ({
  name: "longshore_build_info",
  help: "What the daemon was built from.",
  type: "gauge",
  samples: [{ value: 1, labels: { version, revision } }],
});

function openFiles(): number | undefined {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** The block device controller of version 1. */
import type { BlkIOEntry, BlkIOStat } from "../api/cgroups/v1/metrics.ts";
import { parseNumber, readLines } from "./files.ts";

/** Files of the CFQ scheduler, which only old kernels have, and what they fill. */
const cfq: Readonly<Record<string, keyof BlkIOStat>> = {
  sectors_recursive: "sectorsRecursive",
  io_service_bytes_recursive: "ioServiceBytesRecursive",
  io_serviced_recursive: "ioServicedRecursive",
  io_queued_recursive: "ioQueuedRecursive",
  io_service_time_recursive: "ioServiceTimeRecursive",
  io_wait_time_recursive: "ioWaitTimeRecursive",
  io_merged_recursive: "ioMergedRecursive",
  time_recursive: "ioTimeRecursive",
};

/** What there is where CFQ has counted nothing. */
const throttle: typeof cfq = {
  "throttle.io_serviced": "ioServicedRecursive",
  "throttle.io_service_bytes": "ioServiceBytesRecursive",
};

/** Transfers by device and operation. `partitions`: the host's list of devices. */
export function readBlkio(dir: string, partitions = "/proc/partitions"): BlkIOStat {
  const stat = emptyStat();
  fill(stat, dir, cfq, partitions);
  if (Object.values(stat).every((entries) => entries.length === 0)) fill(stat, dir, throttle, partitions);
  return stat;
}

function fill(stat: BlkIOStat, dir: string, files: typeof cfq, partitions: string): void {
  let devices: Map<string, string> | undefined;
  for (const [file, field] of Object.entries(files)) {
    // A device's line is `8:0 Read 4096` or `8:0 4096`; the last one is `Total 4096`.
    for (const words of readLines(`${dir}/blkio.${file}`)) {
      const [, major, minor] = /^(\d+):(\d+)$/.exec(words[0]!) ?? [];
      if (minor === undefined || words.length < 2) continue;
      devices ??= deviceNames(partitions);
      const entry: BlkIOEntry = {
        op: words.length === 3 ? words[1]! : "",
        device: devices.get(words[0]!) ?? "",
        major: BigInt(major!),
        minor: BigInt(minor),
        value: parseNumber(words.at(-1)),
      };
      stat[field].push(entry);
    }
  }
}

/** Paths of the block devices by `major:minor`. */
function deviceNames(partitions: string): Map<string, string> {
  return new Map(
    readLines(partitions).filter(([major, , , name]) => name && /^\d+$/.test(major!))
      .map(([major, minor, , name]) => [`${major}:${minor}`, `/dev/${name}`]),
  );
}

const emptyStat = (): BlkIOStat => ({
  ioServiceBytesRecursive: [],
  ioServicedRecursive: [],
  ioQueuedRecursive: [],
  ioServiceTimeRecursive: [],
  ioWaitTimeRecursive: [],
  ioMergedRecursive: [],
  ioTimeRecursive: [],
  sectorsRecursive: [],
});

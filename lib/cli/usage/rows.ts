/** What containers use, as people read it. */
import type { Usage } from "../../client/metrics.ts";
import { quote } from "../output/json.ts";
import { binarySize, decimalSize } from "../output/sizes.ts";
import type { Carried } from "./network.ts";

/** One look at a container. */
export interface Look extends Usage {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly network: Carried | undefined;
}

/** The titles of {@linkcode row}. */
export const titles = "NAME\tCPU%\tMEM USAGE/LIMIT\tMEM%\tNET I/O\tBLOCK I/O\tPIDS\t";

/** Percent of one CPU between two looks; undefined without an earlier one. */
export function cpuPercent(before: Look | undefined, now: Look): number | undefined {
  const millis = before ? now.at - before.at : 0;
  // A container that was started again counts from 0.
  if (!before || millis <= 0 || now.cpu < before.cpu) return undefined;
  return Number(now.cpu - before.cpu) / 1e6 / millis * 100;
}

/** Percent of its limit, or of the host's memory. */
function memoryPercent({ memory, memoryLimit }: Look, host: bigint): number {
  const most = limitOf(memoryLimit, host);
  return most > 0n ? Number(memory) / Number(most) * 100 : 0;
}

const limitOf = (limit: bigint | undefined, host: bigint) =>
  limit === undefined || (host > 0n && limit > host) ? host : limit;

/** A line of the table. `host`: the host's memory in bytes. */
export function row(before: Look | undefined, now: Look, host: bigint): string {
  const cpu = cpuPercent(before, now);
  return [
    now.name,
    cpu === undefined ? "--" : `${cpu.toFixed(2)}%`,
    `${binarySize(now.memory)} / ${binarySize(limitOf(now.memoryLimit, host))}`,
    `${memoryPercent(now, host).toFixed(2)}%`,
    now.network ? `${decimalSize(now.network.received)} / ${decimalSize(now.network.sent)}` : "--",
    `${decimalSize(now.read)} / ${decimalSize(now.written)}`,
    String(now.pids),
    "",
  ].join("\t");
}

/** The same as a JSON object on a line; sizes in bytes, what isn't known left out. */
export function jsonRow(before: Look | undefined, now: Look, host: bigint): string {
  const round = (percent: number | undefined) =>
    percent === undefined ? undefined : Math.round(percent * 100) / 100;
  return quote({
    name: now.name,
    cpu_percent: round(cpuPercent(before, now)),
    memory_bytes: now.memory,
    memory_limit_bytes: limitOf(now.memoryLimit, host),
    memory_percent: round(memoryPercent(now, host)),
    network_received_bytes: now.network?.received,
    network_sent_bytes: now.network?.sent,
    block_read_bytes: now.read,
    block_written_bytes: now.written,
    pids: now.pids,
  }) + "\n";
}

/** The host's memory in bytes, by the text of /proc/meminfo. */
export function hostMemory(meminfo: string): bigint {
  return BigInt(/^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024n;
}

/** Flags of what a container may use up. */
import {
  parseLimits,
  parseRlimit,
  type SpecOption,
  withBlockIo,
  withCpu,
  withCpus,
  withMemoryLimit,
  withOomScoreAdj,
  withPidsLimit,
  withRdtClass,
  withRlimit,
} from "../../oci/mod.ts";
import { type Flags, usageError } from "../command.ts";
import { size, whole } from "./numbers.ts";

/** The spec options of these flags. */
export function resourceOptions(flags: Flags): SpecOption[] {
  const memory = size(flags.text("memory-limit"), "memory-limit");
  const pids = flags.text("pids-limit");
  return [
    ...cpuOptions(flags),
    ...memory ? [withMemoryLimit(memory)] : [],
    ...pids ? [withPidsLimit(signed(pids, "pids-limit"))] : [],
    ...flags.text("rdt-class") ? [withRdtClass(flags.text("rdt-class"))] : [],
    ...blockIoOptions(flags),
    ...processLimits(flags),
  ];
}

function cpuOptions(flags: Flags): SpecOption[] {
  const cpus = Number(flags.text("cpus"));
  if (!(cpus >= 0 && cpus < Infinity)) {
    throw usageError(`--cpus ${JSON.stringify(flags.text("cpus"))} is not a number of CPUs`);
  }
  const quota = signed(flags.text("cpu-quota"), "cpu-quota");
  const period = whole(flags.text("cpu-period"), "cpu-period");
  const limited = quota !== -1 || period !== 0;
  if (cpus && limited) throw usageError("--cpus and --cpu-quota or --cpu-period exclude each other");
  const shares = whole(flags.text("cpu-shares"), "cpu-shares");
  const burst = whole(flags.text("cpu-burst"), "cpu-burst");
  const [own, nodes] = [flags.text("cpuset-cpus"), flags.text("cpuset-mems")];
  return [
    ...shares ? [withCpu({ shares })] : [],
    ...cpus ? [withCpus(cpus)] : [],
    ...limited ? [withCpu({ quota, period })] : [],
    ...burst ? [withCpu({ burst })] : [],
    ...own ? [withCpu({ cpus: numberSet(own, "cpuset-cpus") })] : [],
    ...nodes ? [withCpu({ mems: numberSet(nodes, "cpuset-mems") })] : [],
  ];
}

function blockIoOptions(flags: Flags): SpecOption[] {
  const [file, className] = [flags.text("blockio-config-file"), flags.text("blockio-class")];
  if (!file && !className) return [];
  if (!file || !className) throw usageError("--blockio-class and --blockio-config-file need each other");
  return [withBlockIo({ file, className })];
}

function processLimits(flags: Flags): SpecOption[] {
  const files = flags.text("rlimit-nofile");
  const limits = [
    ...files ? [{ type: "RLIMIT_NOFILE", ...parseLimits(files) }] : [],
    ...flags.list("rlimit").map(parseRlimit),
  ];
  const score = flags.text("oom-score-adj");
  return [
    ...limits.map(({ type, soft, hard }) => withRlimit(type, soft, hard)),
    ...score ? [withOomScoreAdj(oomScore(score))] : [],
  ];
}

function oomScore(text: string): number {
  const score = signed(text, "oom-score-adj");
  if (score >= -1000 && score <= 1000) return score;
  throw usageError(`--oom-score-adj ${text} is not between -1000 and 1000`);
}

function signed(text: string, flag: string): number {
  const number = Number(text);
  if (text.trim() && Number.isSafeInteger(number)) return number;
  throw usageError(`--${flag} ${JSON.stringify(text)} is not a whole number`);
}

function numberSet(text: string, flag: string): string {
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return text;
  throw usageError(`--${flag} ${JSON.stringify(text)}: write numbers and ranges, 0-2,4`);
}

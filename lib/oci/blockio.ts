/**
 * Classes of block I/O: weights and limits by device, in a file. Source: the format of goresctrl's blockio
 * package, which containerd reads.
 */
import { invalidArgument, messageOf } from "../errors.ts";
import { deviceOf } from "./devices.ts";

/** What a file means; all its words are texts. */
type Yaml = string | Yaml[] | { [key: string]: Yaml } | null;

interface Device {
  major: number;
  minor: number;
}

/** Weights and limits of block I/O (runtime-spec, config-linux.md, "Block IO"). Rates are a second's. */
export interface BlockIo {
  weight?: number;
  weightDevice?: (Device & { weight: number })[];
  throttleReadBpsDevice?: (Device & { rate: number })[];
  throttleWriteBpsDevice?: (Device & { rate: number })[];
  throttleReadIOPSDevice?: (Device & { rate: number })[];
  throttleWriteIOPSDevice?: (Device & { rate: number })[];
}

const rates = {
  ThrottleReadBps: "throttleReadBpsDevice",
  ThrottleWriteBps: "throttleWriteBpsDevice",
  ThrottleReadIOPS: "throttleReadIOPSDevice",
  ThrottleWriteIOPS: "throttleWriteIOPSDevice",
} as const;

/**
 * Reads the class `name` from the file at `path`, whose patterns of devices are matched on this host. Throws
 * InvalidArgument, naming the file and what is wrong, also if it has no such class.
 */
export async function readBlockIo(path: string, name: string): Promise<BlockIo> {
  try {
    const { parse } = await import("yaml");
    const file: Yaml = parse(await Deno.readTextFile(path), { schema: "failsafe" });
    const { Classes: classes, ...rest } = mapOf(file, "the file");
    const [unknown] = Object.keys(rest);
    if (unknown) throw new Error(`no key ${unknown} (Classes)`);
    const known = mapOf(classes ?? null, "Classes");
    if (!Object.hasOwn(known, name)) {
      throw new Error(`no class ${JSON.stringify(name)} (${Object.keys(known).join(", ")})`);
    }
    const parts = known[name] ?? [];
    if (!Array.isArray(parts)) throw new Error(`class ${name} is not a list`);
    const io: BlockIo = {};
    for (const part of parts) await addPart(io, mapOf(part, `an entry of class ${name}`));
    return io;
  } catch (error) {
    const [why] = messageOf(error).split("\n");
    throw invalidArgument(`block I/O classes ${JSON.stringify(path)}: ${why}`, { cause: error });
  }
}

async function addPart(io: BlockIo, part: Record<string, Yaml>): Promise<void> {
  const { Devices: patterns, Weight: weightText, ...limits } = part;
  const weight = weightText === undefined ? undefined : quantity("Weight", weightText, 10, 1000);
  const throttles = Object.entries(limits).map(([key, value]) => {
    if (!Object.hasOwn(rates, key)) throw new Error(`no key ${key}`);
    return [rates[key as keyof typeof rates], quantity(key, value)] as const;
  });
  if (patterns === undefined || patterns === null) {
    if (throttles.length) throw new Error(`${Object.keys(limits)[0]} needs Devices`);
    if (weight !== undefined) io.weight = weight;
    return;
  }
  if (!Array.isArray(patterns)) throw new Error("Devices is not a list");
  for (const device of await devicesLike(patterns.map(String))) {
    if (weight !== undefined) io.weightDevice = put(io.weightDevice, { ...device, weight });
    for (const [list, rate] of throttles) io[list] = put(io[list], { ...device, rate });
  }
}

function mapOf(value: Yaml, what: string): Record<string, Yaml> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Error(`${what} is not a map`);
}

/** Of one device the last value counts. */
function put<T extends Device>(list: T[] = [], entry: T): T[] {
  return [...list.filter(({ major, minor }) => major !== entry.major || minor !== entry.minor), entry];
}

const units: Readonly<Record<string, number>> = {
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Numbers as Kubernetes writes quantities. */
function quantity(key: string, value: Yaml, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value)) ?? [];
  const number = Math.ceil(Number(digits) * (unit ? units[unit]! : 1));
  if (number >= least && number <= most) return number;
  throw new Error(`${key} ${JSON.stringify(value)} is not a number from ${least} to ${most}`);
}

/** Block devices whose paths match; patterns that match nothing are fine, as a host may lack such a disk. */
async function devicesLike(patterns: readonly string[]): Promise<Device[]> {
  const found = new Map<string, Device>();
  for (const pattern of patterns) {
    for (const path of await pathsLike(pattern)) {
      const real = await Deno.realPath(path).catch(() => undefined);
      const info = real && await Deno.stat(real);
      if (!info || !info.isBlockDevice) continue;
      const { major, minor } = deviceOf(real, info);
      found.set(real, { major, minor });
    }
  }
  return [...found.values()];
}

async function pathsLike(pattern: string): Promise<string[]> {
  if (!pattern.startsWith("/")) throw new Error(`device ${JSON.stringify(pattern)} is not an absolute path`);
  let paths = ["/"];
  for (const part of pattern.split("/").filter(Boolean)) {
    const next: string[] = [];
    for (const dir of paths) next.push(...await entriesLike(dir, part));
    paths = next;
  }
  return paths;
}

async function entriesLike(dir: string, part: string): Promise<string[]> {
  if (!/[*?[]/.test(part)) return [`${dir === "/" ? "" : dir}/${part}`];
  const wanted = glob(part);
  const names = [];
  try {
    for await (const { name } of Deno.readDir(dir)) if (wanted.test(name)) names.push(name);
  } catch {
    // Not a directory: nothing below it matches.
  }
  return names.sort().map((name) => `${dir === "/" ? "" : dir}/${name}`);
}

/** One name's pattern, of `*`, `?` and `[a-z]`. */
function glob(pattern: string): RegExp {
  const source = pattern.replaceAll(/\[[^\]]+\]|[^[]|\[/g, (part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, "^").replaceAll("\\", "\\\\")}]`;
    return part.replace(/[.+(){}|$^\\[\]]/, "\\$&");
  });
  return new RegExp(`^${source}$`);
}

/** The tables of containerd's plugins that this daemon reads: `[plugins."io.containerd.gc.v1.scheduler"]` and so on. */
import { parseDuration } from "../duration.ts";
import { invalidArgument } from "../errors.ts";
import type { GarbageCollectorOptions, SharingPolicy } from "../metadata/mod.ts";
import type { Config } from "./config.ts";

type Plugins = Config["plugins"];
type Thresholds = Omit<GarbageCollectorOptions, "publisher" | "onError">;

const scheduler = "io.containerd.gc.v1.scheduler";
/** Where containerd has `discard_unpacked_layers`, and where it would belong. */
const discarding = [
  "io.containerd.transfer.v1.local",
  "io.containerd.cri.v1.images",
  "io.containerd.grpc.v1.cri",
];

/** When garbage is collected. Throws InvalidArgument, naming the key. */
export function gcOptions(plugins: Plugins): Thresholds {
  const table = plugins[scheduler] ?? {};
  const fraction = (value: unknown) => typeof value === "number" && value >= 0;
  const count = (value: unknown) => isWhole(value) && value >= 0;
  const known: Record<string, (key: string) => Partial<Thresholds>> = {
    pause_threshold: (key) => ({ pauseThreshold: number(table, key, fraction, "a number from 0 to 0.5") }),
    deletion_threshold: (key) => ({ deletionThreshold: number(table, key, count, "a whole number") }),
    mutation_threshold: (key) => ({ mutationThreshold: number(table, key, count, "a whole number") }),
    schedule_delay: (key) => ({ scheduleDelay: duration(table[key], key) }),
    startup_delay: (key) => ({ startupDelay: duration(table[key], key) }),
  };
  return Object.assign(
    {},
    ...Object.keys(table).map((key) => {
      const read = Object.hasOwn(known, key) ? known[key] : undefined;
      if (!read) throw invalidArgument(`plugins.${JSON.stringify(scheduler)}: unknown key ${key}`);
      return read(key);
    }),
  );
}

const isWhole = (value: unknown): value is number | bigint =>
  typeof value === "bigint" || Number.isSafeInteger(value);

function number(
  table: Record<string, unknown>,
  key: string,
  check: (value: unknown) => boolean,
  what: string,
): number {
  if (check(table[key])) return Number(table[key]);
  throw invalidArgument(`plugins.${JSON.stringify(scheduler)}.${key} must be ${what}`);
}

/** Milliseconds of a duration as Go writes it: "100ms", "1m30s", "0". */
function duration(value: unknown, key: string): number {
  const text = String(value);
  if (text === "0") return 0;
  const millis = parseDuration(text);
  if (millis !== undefined) return millis;
  const name = `plugins.${JSON.stringify(scheduler)}.${key}`;
  throw invalidArgument(`${name} must be a duration like "100ms", not ${JSON.stringify(text)}`);
}

/** Whether blobs of unpacked layers are dropped. */
export function discardsLayers(plugins: Plugins): boolean {
  for (const plugin of discarding) {
    const table = plugins[plugin] ?? {};
    const value = table.discard_unpacked_layers ??
      (table.containerd as Record<string, unknown> | undefined)?.discard_unpacked_layers;
    if (value === undefined) continue;
    if (typeof value === "boolean") return value;
    throw invalidArgument(`plugins.${JSON.stringify(plugin)}.discard_unpacked_layers must be true or false`);
  }
  return false;
}

const metadata = "io.containerd.metadata.v1.bolt";

/** Whether namespaces get each other's content for its digest alone. */
export function sharingPolicy(plugins: Plugins): SharingPolicy {
  const value = plugins[metadata]?.content_sharing_policy ?? "shared";
  if (value === "shared" || value === "isolated") return value;
  throw invalidArgument(
    `plugins.${JSON.stringify(metadata)}.content_sharing_policy must be "shared" or "isolated"`,
  );
}

/** Where containerd has `config_path`, and in which table of it. */
const registryTables: readonly [plugin: string, table?: string][] = [
  ["io.containerd.transfer.v1.local"],
  ["io.containerd.cri.v1.images", "registry"],
  ["io.containerd.grpc.v1.cri", "registry"],
];
/** Our own first, then those of containerd and docker, which is where containerd looks too. */
const usualRegistryDirs = ["/etc/longshore/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"];

/** The directories of hosts.toml files, in order. Throws InvalidArgument, naming the key. */
export function registryDirs(plugins: Plugins): string[] {
  for (const [plugin, table] of registryTables) {
    const within = (table ? plugins[plugin]?.[table] : plugins[plugin]) as
      | Record<string, unknown>
      | undefined;
    const value = within?.config_path;
    if (value === undefined || value === "") continue;
    const dirs = typeof value === "string" ? value.split(":").filter((dir) => dir) : [];
    if (dirs.length > 0 && dirs.every((dir) => dir.startsWith("/"))) return dirs;
    const key = [`plugins.${JSON.stringify(plugin)}`, ...table ? [table] : [], "config_path"].join(".");
    throw invalidArgument(`${key} must be absolute paths with colons between them`);
  }
  return usualRegistryDirs;
}

/**
 * The daemon's configuration: defaults, then a TOML file with containerd's keys, then flags.
 */
import { parse, TomlError } from "smol-toml";
import { invalidArgument, messageOf } from "../errors.ts";
import { type LogLevel, logLevels } from "./log.ts";

/** What a daemon needs to know. */
export interface Config {
  /** What is kept: content, snapshots, metadata. */
  readonly root: string;
  /** What lives as long as the machine runs: sockets, bundles. */
  readonly state: string;
  /** The gRPC socket; ttrpc is served at this path with `.ttrpc` after it. */
  readonly address: string;
  /** Owner of the sockets. */
  readonly uid: number;
  readonly gid: number;
  readonly logLevel: LogLevel;
  /** Where metrics are told over HTTP, "127.0.0.1:1338" say; empty for nowhere. */
  readonly metricsAddress: string;
  /** Whether they tell how long calls take, too. */
  readonly callHistogram: boolean;
  /** Tables under `plugins`, by plugin: `io.containerd.gc.v1.scheduler` say. */
  readonly plugins: Readonly<Record<string, Record<string, unknown>>>;
  /** Keys that containerd knows and this daemon has no use for. */
  readonly unused: readonly string[];
}

/** What the command line may say; a path given there wins over the file. */
export interface Flags {
  config?: string;
  root?: string;
  state?: string;
  address?: string;
  logLevel?: string;
}

/** Where the file is looked for when no flag names one. */
export const defaultConfigPath = "/etc/longshore/config.toml";
export const defaultRoot = "/var/lib/longshore";
export const defaultState = "/run/longshore";

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number" || typeof value === "bigint";
const truth: Check = (value) => typeof value === "boolean";
const table: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys that are used, and what they must be. */
const used: Record<string, Check> = {
  version: number,
  root: text,
  state: text,
  "grpc.address": text,
  "grpc.uid": number,
  "grpc.gid": number,
  "debug.level": text,
  "metrics.address": text,
  "metrics.grpc_histogram": truth,
  plugins: table,
};

/** Keys of containerd's that are accepted, so that its file can be taken over, and named in the log. */
const unusedTables = /^(ttrpc|timeouts|cgroup|proxy_plugins|stream_processors|grpc|debug)(\.|$)/;
const unusedKeys = ["temp", "plugin_dir", "oom_score", "imports", "disabled_plugins", "required_plugins"];

/**
 * The configuration from flags and the file they name (the default file if it is there).
 * Throws InvalidArgument naming file and key, or file, line and column.
 */
export async function loadConfig(flags: Flags = {}): Promise<Config> {
  const path = flags.config ?? defaultConfigPath;
  const file = await readIfThere(path, flags.config !== undefined);
  const values = flatten(file === undefined ? {} : parseToml(file, path));
  const unused = checkKeys(values, path);
  const said = (key: string) => values.get(key) as string | undefined;
  const state = absolute(flags.state ?? said("state") ?? defaultState, "state");
  return {
    root: absolute(flags.root ?? said("root") ?? defaultRoot, "root"),
    state,
    address: absolute(flags.address ?? said("grpc.address") ?? `${state}/longshore.sock`, "address"),
    uid: Number(values.get("grpc.uid") ?? 0),
    gid: Number(values.get("grpc.gid") ?? 0),
    logLevel: levelOf(flags.logLevel ?? said("debug.level") ?? "info"),
    metricsAddress: said("metrics.address") ?? "",
    callHistogram: values.get("metrics.grpc_histogram") === true,
    plugins: (values.get("plugins") ?? {}) as Config["plugins"],
    unused,
  };
}

async function readIfThere(path: string, mustBe: boolean): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!mustBe && error instanceof Deno.errors.NotFound) return undefined;
    throw invalidArgument(`cannot read the configuration ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parseToml(file: string, path: string): Record<string, unknown> {
  try {
    return parse(file);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0];
    throw invalidArgument(`${path}:${error.line}:${error.column}: ${reason}`, { cause: error });
  }
}

/** Dotted keys to values; the tables of `plugins` stay whole. */
function flatten(values: Record<string, unknown>, prefix = "", into = new Map<string, unknown>()) {
  for (const [name, value] of Object.entries(values)) {
    const key = prefix + name;
    if (table(value) && key !== "plugins") flatten(value as Record<string, unknown>, `${key}.`, into);
    else into.set(key, value);
  }
  return into;
}

function checkKeys(values: Map<string, unknown>, path: string): string[] {
  const unused: string[] = [];
  for (const [key, value] of values) {
    if (Object.hasOwn(used, key)) {
      if (!used[key]!(value)) throw invalidArgument(`${path}: ${key} has the wrong type`);
    } else if (unusedTables.test(key) || unusedKeys.includes(key)) unused.push(key);
    else throw invalidArgument(`${path}: unknown key ${key}`);
  }
  return unused;
}

function absolute(path: string, what: string): string {
  if (!path.startsWith("/")) throw invalidArgument(`${what} ${JSON.stringify(path)} is not an absolute path`);
  return path;
}

function levelOf(name: string): LogLevel {
  const level = name === "warning" ? "warn" : name;
  if (!(logLevels as readonly string[]).includes(level)) {
    throw invalidArgument(`log level ${JSON.stringify(name)} is none of ${logLevels.join(", ")}`);
  }
  return level as LogLevel;
}

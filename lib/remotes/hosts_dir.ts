/** Registry hosts from a directory of `HOST/hosts.toml` files, and `_default`. Source: containerd docs/hosts.md. */
import { parse, TomlError } from "smol-toml";
import { invalidArgument, messageOf } from "../errors.ts";
import type { Capability, HostsFor, RegistryHost } from "./hosts.ts";

const capabilities: readonly Capability[] = ["pull", "resolve", "push"];

type Table = Record<string, unknown>;

/** A file, for errors that tell where in it. */
interface Source {
  readonly path: string;
  readonly text: string;
}

/**
 * The mirrors that `dir` has for a reference's host, in the file's order, then its server; `otherwise`'s hosts
 * where it has none. Throws InvalidArgument with file and line, also for settings that aren't supported: `ca`,
 * `client`, `skip_verify` and `dial_timeout`.
 */
export function hostsFromDir(dir: string, otherwise: HostsFor): HostsFor {
  return (reference) => {
    const source = find(dir, reference.host);
    if (!source) return otherwise(reference);
    const { server, host = {}, ...own } = parsed(source);
    if (!isTable(host)) throw wrong(source, "host", "must be a table");
    const mirrors = Object.entries(host).map(([url, table]) => {
      if (!isTable(table)) throw wrong(source, url, "must be a table");
      return hostOf(source, url, table);
    });
    if (server === undefined && Object.keys(own).length === 0) return [...mirrors, ...otherwise(reference)];
    const { host: name, scheme, headers } = otherwise(reference)[0]!;
    const last = hostOf(source, server ?? `${scheme}://${name}`, own);
    // What the caller sends along is meant for the registry, not for its mirrors.
    return [...mirrors, { ...last, headers: { ...headers, ...last.headers } }];
  };
}

function find(dir: string, host: string): Source | undefined {
  for (const name of [host, host.replace(/:(\d+)$/, "_$1_"), "_default"]) {
    const path = `${dir}/${name}/hosts.toml`;
    try {
      return { path, text: Deno.readTextFileSync(path) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw invalidArgument(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
    }
  }
  return undefined;
}

function parsed({ path, text }: Source): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalidArgument(`${path}:${error.line}: ${error.message.split("\n")[0]}`, { cause: error });
  }
}

function hostOf(source: Source, address: unknown, table: Table): RegistryHost {
  for (const key of Object.keys(table)) {
    if (!["capabilities", "header", "override_path"].includes(key)) {
      throw wrong(source, key, "is not supported");
    }
  }
  const text = String(address);
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw wrong(source, text, "is not an address of a host");
  const path = url.pathname.replace(/\/+$/, "");
  const whole = table.override_path === true || path.endsWith("/v2");
  return {
    scheme: url.protocol === "http:" ? "http" : "https",
    host: url.host,
    path: whole ? path : `${path}/v2`,
    capabilities: capabilitiesOf(source, table.capabilities),
    headers: headersOf(source, table.header),
  };
}

function capabilitiesOf(source: Source, value: unknown): readonly Capability[] {
  if (value === undefined) return capabilities;
  const known = Array.isArray(value) && value.every((one) => capabilities.includes(one));
  if (!known) throw wrong(source, "capabilities", `must be a list of ${capabilities.join(", ")}`);
  return value;
}

function headersOf(source: Source, value: unknown = {}): Record<string, string> {
  if (!isTable(value)) throw wrong(source, "header", "must be a table");
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => {
      const all = Array.isArray(content) ? content : [content];
      if (!all.every((one) => typeof one === "string")) throw wrong(source, name, "must be text");
      return [name.toLowerCase(), all.join(", ")];
    }),
  );
}

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function wrong({ path, text }: Source, key: string, why: string) {
  const line = text.split("\n").findIndex((line) => line.includes(key)) + 1;
  return invalidArgument(`${path}:${line || 1}: ${key} ${why}`);
}

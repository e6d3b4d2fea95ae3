/** A `hosts.toml`: the mirrors of a registry, in the file's order, and the registry itself. Source: containerd docs/hosts.md. */
import { parseDuration } from "../duration.ts";
import { CtrError, messageOf } from "../errors.ts";
import type { ClientCertificate, Connection, PemFile } from "./connection.ts";
import type { Capability, RegistryHost } from "./hosts.ts";
import { readCertificate, readClientCertificate } from "./pem.ts";
import { isTable, parsed, type Table, type TomlSource, wrong } from "./toml_source.ts";

const capabilities: readonly Capability[] = ["pull", "resolve", "push"];
/** Of newer containerds; nothing here asks for them. */
const furtherCapabilities = ["referrers"];
const settings = ["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];

/** What a file says. Throws InvalidArgument with file and line. */
export interface HostsFile {
  readonly mirrors: readonly RegistryHost[];
  /** The registry itself; undefined where the file leaves it to the reference. */
  readonly server: RegistryHost | undefined;
  /** What holds for a registry that the file names no address of. */
  readonly own: Partial<RegistryHost>;
}

/** Reads one. */
export function parseHostsFile(source: TomlSource): HostsFile {
  const { server, host = {}, ...own } = parsed(source);
  if (!isTable(host)) throw wrong(source, "", "host", "must be a table");
  const mirrors = Object.entries(host).map(([url, table]) => {
    if (!isTable(table)) throw wrong(source, "host", url, "must be a table");
    return { ...addressOf(source, url, table), ...settingsOf(source, url, table) };
  });
  const said = settingsOf(source, "", own);
  if (server === undefined) {
    const { capabilities, ...rest } = said;
    return {
      mirrors,
      server: undefined,
      own: own.capabilities === undefined ? rest : { ...rest, capabilities },
    };
  }
  return { mirrors, server: { ...addressOf(source, server, own), ...said, isRegistry: true }, own: {} };
}

function addressOf(source: TomlSource, address: unknown, table: Table) {
  const text = String(address);
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (typeof address !== "string" || !url || !/^https?:$/.test(url.protocol) || url.username || url.search) {
    throw wrong(source, text, text, "is not an address of a host");
  }
  const path = url.pathname.replace(/\/+$/, "");
  const isWhole = table.override_path === true || path.endsWith("/v2");
  return {
    scheme: url.protocol === "http:" ? "http" : "https",
    host: url.host,
    path: isWhole ? path : `${path}/v2`,
  } as const;
}

/** `section` is the mirror's address; empty for the registry's own settings. */
function settingsOf(source: TomlSource, section: string, table: Table) {
  for (const key of Object.keys(table)) {
    if (!settings.includes(key)) throw wrong(source, section, key, "is no setting of a host");
  }
  for (const key of ["skip_verify", "override_path"]) {
    if (table[key] !== undefined && typeof table[key] !== "boolean") {
      throw wrong(source, section, key, "must be true or false");
    }
  }
  const at = { source, section };
  const connection: Connection = {
    ...table.ca !== undefined && { ca: authorities(at, table.ca) },
    ...table.client !== undefined && { client: clientCertificates(at, table.client) },
    ...table.skip_verify !== undefined && { skipVerify: table.skip_verify === true },
    ...table.dial_timeout !== undefined && { dialTimeout: timeoutOf(at, table.dial_timeout) },
  };
  return {
    capabilities: capabilitiesOf(at, table.capabilities),
    headers: headersOf(at, table.header),
    ...Object.keys(connection).length > 0 && { connection },
  };
}

/** A table of a file. */
interface Place {
  readonly source: TomlSource;
  readonly section: string;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Paths are relative to the file. */
function pathIn({ source }: Place, path: string): string {
  return path.startsWith("/") ? path : source.path.slice(0, source.path.lastIndexOf("/") + 1) + path;
}

function authorities(at: Place, value: unknown): PemFile[] {
  const paths = Array.isArray(value) ? value : [value];
  if (!paths.every(isText)) throw wrong(at.source, at.section, "ca", "must be a path or a list of paths");
  return paths.map((path) => named(at, "ca", () => readCertificate(pathIn(at, path))));
}

function clientCertificates(at: Place, value: unknown): ClientCertificate[] {
  const all = Array.isArray(value) ? value : [value];
  return all.map((one) => {
    const pair = Array.isArray(one) ? one : [one];
    if (!pair.every(isText) || pair.length > 2 || Array.isArray(one) && pair.length !== 2) {
      const words = "must be a path, or a list of paths and of pairs [certificate, key]";
      throw wrong(at.source, at.section, "client", words);
    }
    const [cert, key] = pair.map((path) => pathIn(at, path));
    return named(at, "client", () => readClientCertificate(cert!, key));
  });
}

/** An error in a file that a setting names is one of the setting. */
function named<T>({ source, section }: Place, key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CtrError)) throw error;
    throw wrong(source, section, key, `is wrong: ${messageOf(error)}`);
  }
}

function timeoutOf({ source, section }: Place, value: unknown): number {
  const millis = isText(value) ? parseDuration(value) : undefined;
  if (millis === undefined || millis <= 0) {
    throw wrong(source, section, "dial_timeout", 'must be a duration like "1s"');
  }
  return millis;
}

function capabilitiesOf({ source, section }: Place, value: unknown): readonly Capability[] {
  if (value === undefined || Array.isArray(value) && value.length === 0) return capabilities;
  const said = Array.isArray(value) ? value.map((one) => String(one).toLowerCase()) : undefined;
  if (!said?.every((one) => [...capabilities, ...furtherCapabilities].includes(one))) {
    throw wrong(source, section, "capabilities", `must be a list of ${capabilities.join(", ")}`);
  }
  return capabilities.filter((one) => said.includes(one));
}

function headersOf({ source, section }: Place, value: unknown = {}): Record<string, string> {
  if (!isTable(value)) throw wrong(source, section, "header", "must be a table");
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => {
      const all = Array.isArray(content) ? content : [content];
      const isHeader = /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
        all.every((one) => typeof one === "string" && !/[\r\n\0]/.test(one));
      if (!isHeader) throw wrong(source, section, name, "must be text, fit for a header");
      return [name.toLowerCase(), all.join(", ")];
    }),
  );
}

/**
 * Registry hosts from directories like /etc/containerd/certs.d: `HOST_PORT_`, `HOST:PORT` or `_default` in there
 * has a hosts.toml, or certificates as docker names them. Source: containerd docs/hosts.md.
 */
import { invalidArgument, messageOf } from "../errors.ts";
import type { ClientCertificate, Connection, PemFile } from "./connection.ts";
import { parseHostsFile } from "./hosts_file.ts";
import type { HostsFor, RegistryHost } from "./hosts.ts";
import { readCertificate, readClientCertificate } from "./pem.ts";

/** Where a registry's configuration was found. */
export interface FoundHosts {
  /** Directories that were looked for, in order; the last is the one that counts if there is one. */
  readonly looked: readonly string[];
  /** A hosts.toml, or a directory of certificates. */
  readonly taken?: string;
  readonly hosts: readonly RegistryHost[];
}

/**
 * The hosts that the first of `dirs` which knows a registry has for it; `otherwise`'s where none does. Throws
 * InvalidArgument with file and line.
 */
export function findHosts(dirs: readonly string[], host: string, otherwise: HostsFrom): FoundHosts {
  const looked: string[] = [];
  for (const dir of dirs) {
    for (const name of namesOf(host)) {
      const path = `${dir.replace(/\/+$/, "")}/${name}`;
      looked.push(path);
      if (!exists(path)) continue;
      const text = textOf(`${path}/hosts.toml`);
      if (text) {
        return {
          looked,
          taken: `${path}/hosts.toml`,
          hosts: fromFile(`${path}/hosts.toml`, text, host, otherwise),
        };
      }
      return { looked, taken: path, hosts: otherwise(certificatesIn(path))({ host }) };
    }
  }
  return { looked, hosts: otherwise()({ host }) };
}

/** The registry itself, reached by a connection. */
export type HostsFrom = (connection?: Connection) => HostsFor;

/** {@linkcode findHosts} for a {@linkcode RemoteOptions}. */
export const hostsFromDirs = (dirs: readonly string[], otherwise: HostsFrom): HostsFor => ({ host }) =>
  findHosts(dirs, host, otherwise).hosts;

/** `registry.test:5000` may stand as `registry.test_5000_`, too: not all file systems take colons. */
function namesOf(host: string): string[] {
  const escaped = host.replace(/:(\d+)$/, "_$1_");
  return [...new Set([escaped, host, "_default"])];
}

function fromFile(path: string, text: string, host: string, otherwise: HostsFrom): RegistryHost[] {
  const { mirrors, server, own } = parseHostsFile({ path, text });
  const usual = otherwise(own.connection)({ host })[0]!;
  const last = server ?? { ...usual, ...own, connection: usual.connection };
  // What the caller sends along is meant for the registry, not for its mirrors.
  const registry = { ...last, headers: { ...usual.headers, ...last.headers } };
  const isItself = (one: RegistryHost) => one.host === host || one.host === usual.host;
  return [...mirrors, registry].map((one) =>
    isItself(one) ? { ...one, isRegistry: true } : { ...one, namespace: host }
  );
}

/** As docker has them: `*.crt` are authorities, `*.cert` and `*.key` of the same name a client's. */
function certificatesIn(dir: string): Connection | undefined {
  const names = [...Deno.readDirSync(dir)].filter(({ isDirectory }) => !isDirectory).map(({ name }) => name)
    .sort();
  const ca: PemFile[] = [];
  const client: ClientCertificate[] = [];
  for (const name of names) {
    const path = `${dir}/${name}`;
    if (name.endsWith(".crt")) ca.push(readCertificate(path));
    if (!name.endsWith(".cert")) continue;
    const key = name.replace(/cert$/, "key");
    client.push(readClientCertificate(path, names.includes(key) ? `${dir}/${key}` : path));
  }
  return ca.length + client.length > 0
    ? { ...ca.length && { ca }, ...client.length && { client } }
    : undefined;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw cannotRead(path, error);
  }
}

/** Empty where there is no such file. */
function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw cannotRead(path, error);
  }
}

const cannotRead = (path: string, error: unknown) =>
  invalidArgument(`cannot read ${path}: ${messageOf(error)}`, { cause: error });

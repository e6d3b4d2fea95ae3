/**
 * What flags say of TLS (`--skip-verify`, `--tlscacert`, ...), told to the daemon by a directory of hosts.toml files:
 * the Transfer service has no other way. It has what the registry's own configuration has, and for each host of it
 * that says nothing of TLS what the flags say, as Go's ctr does.
 */
import type { Connection, RegistryHost } from "../../remotes/mod.ts";
import { type Flags, usageError } from "../command.ts";

/** The directory; undefined if the flags say nothing of TLS. `ownDirs` are those of whoever will look into it. */
export async function tlsHosts(
  ownDirs: () => Promise<readonly string[]>,
  flags: Flags,
  host: string,
): Promise<{ dir: string } & AsyncDisposable | undefined> {
  const connection = await connectionOf(flags);
  if (!connection) return undefined;
  const named = absolutePath(flags.text("hosts-dir"));
  const dirs = named ? [named] : await ownDirs();
  const hosts = await hostsWith({ dirs, connection, plainHttp: flags.on("plain-http") }, host);
  const texts = hosts.map(textOf);
  const dir = await Deno.makeTempDir({ prefix: "ctr-hosts-" });
  await Deno.mkdir(`${dir}/${host}`);
  await Deno.writeTextFile(`${dir}/${host}/hosts.toml`, [texts.pop(), ...texts].join("\n"));
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

/** A registry's hosts by its configuration, with the flags' connection for those that have none. */
export async function hostsWith(
  { dirs, connection, plainHttp }: { dirs: readonly string[]; connection?: Connection; plainHttp: boolean },
  host: string,
): Promise<RegistryHost[]> {
  const { defaultHosts, findHosts, wantsTls } = await import("../../remotes/mod.ts");
  const wanted = (own?: Connection) => wantsTls(own) || !connection ? own : { ...own, ...connection };
  const usual = (own?: Connection) => defaultHosts({ plainHttp, connection: wanted(own) });
  return findHosts(dirs, host, usual).hosts.map((one) => ({ ...one, connection: wanted(one.connection) }));
}

/** What the flags say of connections. Throws InvalidArgument for files that hold no certificates. */
export async function connectionOf(flags: Flags): Promise<Connection | undefined> {
  const [ca, cert, key] = ["tlscacert", "tlscert", "tlskey"].map((name) => absolutePath(flags.text(name)));
  if (key && !cert) throw usageError("--tlskey needs --tlscert");
  if (!ca && !cert && !flags.on("skip-verify")) return undefined;
  const { readCertificate, readClientCertificate } = await import("../../remotes/mod.ts");
  return {
    ...ca && { ca: [readCertificate(ca)] },
    ...cert && { client: [readClientCertificate(cert, key || cert)] },
    ...flags.on("skip-verify") && { skipVerify: true },
  };
}

/** The daemon's working directory is not ours. Empty stays empty. */
export function absolutePath(path: string): string {
  return path === "" || path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

/** A host as a part of a hosts.toml: the last one, which comes first in the file, is the server. */
function textOf(host: RegistryHost, at: number, all: readonly RegistryHost[]): string {
  const address = `${host.scheme}://${host.host}${host.path}`;
  const isServer = at === all.length - 1;
  const table = isServer ? "" : `host.${JSON.stringify(address)}`;
  const { ca, client, skipVerify, dialTimeout, orPlain } = host.connection ?? {};
  const settings: [string, unknown][] = [
    ["capabilities", host.capabilities],
    ["override_path", orPlain ? undefined : true],
    ["ca", ca?.map(({ path }) => path)],
    ["client", client?.map(({ cert, key }) => [cert.path, key.path])],
    ["skip_verify", skipVerify],
    ["dial_timeout", dialTimeout && `${dialTimeout}ms`],
  ];
  const lines = [
    // What is spoken to a server that may speak either is only known where the file doesn't say it.
    orPlain ? "" : isServer ? `server = ${JSON.stringify(address)}` : `[${table}]`,
    ...settings.flatMap(([name, value]) => value === undefined ? [] : `${name} = ${JSON.stringify(value)}`),
    `[${table ? `${table}.` : ""}header]`,
    ...Object.entries(host.headers ?? {}).map(([name, value]) =>
      `${JSON.stringify(name)} = ${JSON.stringify(value)}`
    ),
  ];
  return lines.join("\n") + "\n";
}

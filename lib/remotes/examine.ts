/** What a registry's configuration comes to, and what its servers say: for those who wonder why a pull fails. */
import { Code, codeOf, messageOf } from "../errors.ts";
import { Authorizer, type CredentialsFor } from "./authorizer.ts";
import { parseChallenges } from "./challenge.ts";
import { exchange } from "./exchange.ts";
import { findHosts, type FoundHosts } from "./hosts_dir.ts";
import { defaultHosts, type RegistryHost } from "./hosts.ts";
import { type Answer, type Patience, readBody } from "./http.ts";
import type { HttpLog } from "./http_log.ts";
import { proxyFor, shownProxy } from "./proxy.ts";

/** How a registry is looked at. */
export interface ExamineOptions {
  /** Directories of hosts.toml files, in order. */
  readonly dirs: readonly string[];
  readonly plainHttp?: boolean;
}

/** The hosts of a registry. Throws InvalidArgument for a bad configuration, with file and line. */
export function examineHosts(host: string, { dirs, plainHttp }: ExamineOptions): FoundHosts {
  return findHosts(dirs, host, (connection) => defaultHosts({ plainHttp, connection }));
}

/** What one server said. */
export interface Ping {
  /** Of the last answer; 0 if there was none. */
  readonly status: number;
  /** The schemes that it asks for credentials by: "bearer https://auth.test/token". */
  readonly schemes: readonly string[];
  /** Whether credentials were asked for, and were shown. */
  readonly shown: boolean;
  /** Why there is no good answer; empty if there is one. */
  readonly error: string;
  /** What to do about it, in a line; empty if nothing is to be done. */
  readonly advice: string;
}

const patience: Partial<Patience> = { headers: 10_000, body: 10_000, tries: 1 };

/** How a server is asked. */
export interface PingOptions {
  readonly signal?: AbortSignal;
  readonly log?: HttpLog;
}

/** Asks a server who it is. Never throws, but for the signal's reason. */
export async function ping(
  host: RegistryHost,
  credentialsFor: CredentialsFor,
  { signal, log }: PingOptions = {},
): Promise<Ping> {
  const url = urlOf(host);
  const schemes: string[] = [];
  let shown = false;
  const authorizer = new Authorizer(async (name, challenge) => {
    schemes.push(...challenge.flatMap(schemesOf));
    const credentials = await credentialsFor(name, challenge);
    shown ||= credentials !== undefined;
    return credentials;
  }, patience);
  const place = { host, authorizer, scope: "", log };
  try {
    const answer = await exchange(place, { method: "GET", url, headers: {}, patience }, signal);
    const words = await bodyOf(answer);
    const error = wrongIn(answer, words, shown);
    return {
      status: answer.status,
      schemes,
      shown,
      error,
      advice: error && adviceFor(host, answer.status, error),
    };
  } catch (error) {
    signal?.throwIfAborted();
    const reason = messageOf(error);
    const status = codeOf(error) === Code.Unauthenticated ? 401 : 0;
    return { status, schemes, shown, error: reason, advice: adviceFor(host, status, reason) };
  }
}

/** The address that is asked. */
export const urlOf = ({ scheme, host, path }: RegistryHost): string => `${scheme}://${host}${path}/`;

/** The proxy that requests to a server take; empty for none. */
export function proxyOf(host: RegistryHost): string {
  const proxy = proxyFor(urlOf(host));
  return proxy ? shownProxy(proxy) : "";
}

const schemesOf = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters: { realm = "" } }) => `${scheme} ${realm}`.trim());

async function bodyOf(answer: Answer): Promise<string> {
  try {
    return new TextDecoder().decode(await readBody(answer, 64 * 1024, "answer"));
  } catch {
    return "";
  }
}

function wrongIn({ status, headers }: Answer, body: string, shown: boolean): string {
  if (status === 401) return shown ? "the credentials are refused" : "wants credentials, and there are none";
  if (status !== 200) return `answers ${status}`;
  const isRegistry = headers.has("docker-distribution-api-version") || /^\s*(\{.*\}|)\s*$/s.test(body);
  return isRegistry ? "" : "answers 200, but not as a registry does";
}

function adviceFor(
  { host, scheme, connection, isRegistry, namespace }: RegistryHost,
  status: number,
  error: string,
): string {
  const name = isRegistry && namespace || host;
  if (/UnknownIssuer|self.signed|unable to (get|verify)/i.test(error)) {
    return `its certificate is of an unknown authority: name it as ca in certs.d/${name}/hosts.toml`;
  }
  if (/NotValidForName/i.test(error)) {
    return "its certificate is for other names: use one of those, or a new certificate";
  }
  if (/Expired/i.test(error)) return "its certificate has expired, or this host's clock is wrong";
  if (
    /CertificateRequired|BadCertificate|HandshakeFailure|certificate required|refused the client certificate/i
      .test(error)
  ) {
    return connection?.client
      ? "it refuses the client certificate: is that of the authority that it trusts?"
      : `it wants a client certificate: name one as client in certs.d/${name}/hosts.toml`;
  }
  if (status === 401) return `log in with the right user and password: ctr login ${name}`;
  if (/token from/.test(error)) {
    return "its token server is at fault, not the registry: ask its administrator";
  }
  if (status === 404) return "there is no registry at this path: see server and override_path in hosts.toml";
  if (/InvalidContentType|wrong version|corrupt message/i.test(error)) {
    return `it speaks plain http, it seems: use --plain-http, or server = "http://${host}"`;
  }
  if (status === 400 && scheme === "http") {
    return `it speaks https, it seems: set server = "https://${host}" in hosts.toml`;
  }
  if (/dns|resolve|not known/i.test(error)) return "its name is unknown here: check the name, and the proxy";
  if (/refused/i.test(error)) return "nothing listens there: check the port, and that the registry runs";
  if (status === 429 || status >= 500) return "it is at fault or has too much to do: try again later";
  if (status === 0) return "check the network, the proxy and dial_timeout";
  return "ask the registry's administrator";
}

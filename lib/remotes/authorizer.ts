/**
 * What is said to a registry's "who are you?": Basic, or Bearer tokens from the realm it names. An answer for one
 * host is never given to another. Source: distribution's "Token Authentication Specification" and "OAuth2".
 */
import { Code, CtrError, failedPrecondition, messageOf } from "../errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { connectionTo } from "./connection.ts";
import type { RegistryHost } from "./hosts.ts";
import { type Answer, errorOfAnswer, type HttpRequest, type Patience, readBody, send } from "./http.ts";
import type { HttpLog } from "./http_log.ts";

/** Who somebody is to a registry: a user and password, a refresh token, or a finished header. */
export interface Credentials {
  readonly username?: string;
  readonly secret?: string;
  /** An identity token, traded for access tokens. */
  readonly refreshToken?: string;
  /** The value of an Authorization header. */
  readonly header?: string;
}

/** Asked once for each host that wants to know; `host` is docker.io for that registry, whatever its server's name. */
export type CredentialsFor = (
  host: string,
  challenge: readonly string[],
) => Promise<Credentials | undefined> | Credentials | undefined;

interface Token {
  readonly header: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const LARGEST_ANSWER = 256 * 1024;
const CLIENT = "longshore";

/** What is known about the hosts of one pull. */
export class Authorizer {
  readonly #credentialsFor: CredentialsFor;
  readonly #patience: Partial<Patience> | undefined;
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();
  readonly #tokens = new Map<string, Token>();

  constructor(credentialsFor: CredentialsFor = () => undefined, patience?: Partial<Patience>) {
    this.#credentialsFor = credentialsFor;
    this.#patience = patience;
  }

  /** The Authorization header that is known to do for `scope` at the server `origin`. */
  header(origin: string, scope: string): string | undefined {
    const token = this.#tokens.get(keyOf(origin, scope));
    return token && token.expiresAt > Date.now() ? token.header : undefined;
  }

  /**
   * Answers a 401: afterwards {@linkcode header} has something new. False if there is nothing more to say.
   * Throws what the token server's failure is.
   */
  async answer(asker: Asker, answer: Answer, signal?: AbortSignal): Promise<boolean> {
    const { scope } = asker;
    const origin = new URL(`${asker.host.scheme}://${asker.host.host}`).origin;
    const header = answer.headers.get("www-authenticate") ?? "";
    const challenges = parseChallenges(header);
    const before = this.#tokens.get(keyOf(origin, scope))?.header;
    const credentials = await this.#ask(origin, asker.host, header);
    const token = await this.#tokenFor(asker, origin, challenges, credentials, signal);
    if (!token || token.header === before) return false;
    this.#tokens.set(keyOf(origin, scope), token);
    return true;
  }

  #ask(origin: string, host: RegistryHost, header: string): Promise<Credentials | undefined> {
    let known = this.#credentials.get(origin);
    if (!known) {
      known = this.#askFor(namesOf(host), header);
      this.#credentials.set(origin, known);
      known.catch(() => this.#credentials.delete(origin));
    }
    return known;
  }

  async #askFor(names: string[], header: string): Promise<Credentials | undefined> {
    for (const name of names) {
      const credentials = await this.#credentialsFor(name, [header]);
      if (credentials) return credentials;
    }
    return undefined;
  }

  async #tokenFor(
    asker: Asker,
    origin: string,
    challenges: readonly Challenge[],
    credentials: Credentials | undefined,
    signal?: AbortSignal,
  ): Promise<Token | undefined> {
    if (credentials?.header) return { header: credentials.header, expiresAt: Infinity };
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return await this.#bearer(asker, origin, bearer, credentials, signal);
    const { username, secret } = credentials ?? {};
    if (challenges.some(({ scheme }) => scheme === "basic") && username && secret !== undefined) {
      return { header: basic(username, secret), expiresAt: Infinity };
    }
    return undefined;
  }

  async #bearer(
    { scope, host, log }: Asker,
    origin: string,
    { parameters }: Challenge,
    credentials: Credentials | undefined,
    signal?: AbortSignal,
  ): Promise<Token> {
    const realm = realmOf(origin, parameters.realm);
    const fields = new URLSearchParams();
    if (parameters.service) fields.set("service", parameters.service);
    const scopes = new Set(
      [...(parameters.scope ?? "").split(" "), ...scope.split(" ")].filter((one) => one),
    );
    const refresh = credentials?.refreshToken ?? (credentials?.username ? undefined : credentials?.secret);
    const request = refresh
      ? postFor(realm, fields, [...scopes], refresh)
      : getFor(realm, fields, [...scopes], credentials);
    const what = `token from ${realm.origin} for ${new URL(origin).host}`;
    const connection = connectionTo(host.connection, origin, realm.href);
    return tokenOf(await this.#answerTo({ ...request, connection, log }, what, signal), what);
  }

  /** A token server that fails is not the registry: the error says whose it is. */
  async #answerTo(request: HttpRequest, what: string, signal?: AbortSignal): Promise<Uint8Array> {
    try {
      const answer = await send({ ...request, patience: this.#patience }, signal);
      if (answer.status !== 200) throw await errorOfAnswer(answer, what);
      return await readBody(answer, LARGEST_ANSWER, what);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof CtrError) || error.message.startsWith(what)) throw error;
      throw new CtrError(error.code, `${what}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** Who asks, and what we want there. */
interface Asker {
  readonly host: RegistryHost;
  readonly scope: string;
  readonly log?: HttpLog;
}

/** What credentials for a host may be kept under: its name, and that of the registry that it is. */
export function namesOf({ host, namespace, isRegistry }: RegistryHost): string[] {
  // Keys of credentials are the names that people use.
  const own = host === "registry-1.docker.io" ? "docker.io" : host;
  return isRegistry && namespace ? [own, namespace] : [own];
}

const keyOf = (origin: string, scope: string) => `${origin} ${scope}`;

/** The token server's address. Secrets go there, so it must not be less safe than the registry itself. */
function realmOf(origin: string, realm = ""): URL {
  const url = URL.parse(realm);
  const wrong = (why: string) =>
    failedPrecondition(`${new URL(origin).host}: token realm ${JSON.stringify(realm.slice(0, 200))} ${why}`);
  if (!url) throw wrong("is not an address");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw wrong("is not http or https");
  if (url.username || url.password) throw wrong("names a user");
  if (url.protocol === "http:" && origin.startsWith("https:")) {
    throw wrong("is plain http, the registry is not");
  }
  return url;
}

function getFor(realm: URL, fields: URLSearchParams, scopes: string[], credentials?: Credentials) {
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.set(name, value);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers: Record<string, string> = {};
  if (credentials?.username) {
    url.searchParams.set("account", credentials.username);
    headers.authorization = basic(credentials.username, credentials.secret ?? "");
  }
  return { method: "GET", url: url.href, headers } as const;
}

function postFor(realm: URL, fields: URLSearchParams, scopes: string[], refresh: string) {
  const form = new URLSearchParams(fields);
  form.set("grant_type", "refresh_token");
  form.set("client_id", CLIENT);
  form.set("refresh_token", refresh);
  form.set("scope", scopes.join(" "));
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: realm.href, headers, body: form.toString() } as const;
}

function tokenOf(body: Uint8Array, what: string): Token {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    answer = JSON.parse(new TextDecoder().decode(body)) ?? {};
  } catch {
    // The parser's own words have parts of the answer in them, which may be secrets.
    throw failedPrecondition(`${what}: the answer is not JSON`);
  }
  const token = answer.token || answer.access_token;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new CtrError(Code.Unauthenticated, `${what}: answer has no token`);
  }
  // Without a word of the server's own, tokens hold for a minute; the last seconds are left for the way.
  const seconds = typeof answer.expires_in === "number" ? Math.max(answer.expires_in, 60) : 60;
  return { header: `Bearer ${token}`, expiresAt: Date.now() + (seconds - 5) * 1000 };
}

function basic(username: string, secret: string): string {
  const bytes = new TextEncoder().encode(`${username}:${secret}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

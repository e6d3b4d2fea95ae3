/** One request over a connection as it is wanted: the right authorities, certificates, proxy, and none checked. */
import { failedPrecondition, messageOf, unavailable } from "../errors.ts";
import type { ClientCertificate, Connection } from "./connection.ts";
import { hasProxies, proxyFor } from "./proxy.ts";
import { hostRoots } from "./roots.ts";

/** A request in the words of fetch. */
export type RequestParts = RequestInit & { readonly signal: AbortSignal };

/** Clients keep connections open, which is why they are kept; more than these are not. */
const MOST_CLIENTS = 32;
const clients = new Map<string, Deno.HttpClient>();
/** Which of a connection's client certificates its server takes, by connection and origin. */
const accepted = new Map<string, number>();

/**
 * Sends a request; the answer as fetch gives it, redirects not followed. Throws FailedPrecondition for
 * certificates of ours that can't be used, else what fetch throws.
 */
export async function request(url: string, parts: RequestParts, connection?: Connection): Promise<Response> {
  if (!connection?.orPlain) return await ask(url, parts, connection);
  try {
    return await ask(url, parts, connection);
  } catch (error) {
    if (!url.startsWith("https:") || !/InvalidContentType|wrong version/i.test(reasonOf(error))) throw error;
    return await ask(url.replace("https:", "http:"), parts, connection);
  }
}

async function ask(url: string, parts: RequestParts, connection?: Connection): Promise<Response> {
  if (connection?.dialTimeout) await dial(url, connection.dialTimeout);
  const pairs = connection?.client ?? [];
  if (pairs.length < 2) return await over(url, parts, connection, pairs[0]);
  const key = `${new URL(url).origin} ${pairs.map(({ cert }) => cert.path).join(":")}`;
  const first = accepted.get(key) ?? 0;
  for (let n = 0;; n++) {
    const at = (first + n) % pairs.length;
    try {
      const response = await over(url, parts, connection, pairs[at]);
      accepted.set(key, at);
      return response;
    } catch (error) {
      if (n + 1 >= pairs.length || parts.signal.aborted || !/alert|certificate/i.test(reasonOf(error))) {
        throw error;
      }
    }
  }
}

async function over(
  url: string,
  parts: RequestParts,
  connection: Connection | undefined,
  pair: ClientCertificate | undefined,
): Promise<Response> {
  if (!pair || !url.startsWith("https:")) return await exchange(url, parts, connection, undefined);
  const key = `${new URL(url).origin} ${pair.cert.path}`;
  try {
    const response = await exchange(url, parts, connection, pair);
    if (proven.size >= MOST_PROVEN) proven.clear();
    proven.add(key);
    return response;
  } catch (error) {
    if (parts.signal.aborted || proven.has(key)) throw error;
    throw explained(error, pair);
  }
}

/** Client certificates with which an answer came, by origin: when a connection breaks, it isn't for them. */
const proven = new Set<string>();
const MOST_PROVEN = 1000;

const refusal = /alert.*(certificate|unknown ?ca|handshake|access ?denied)/i;
/** How it looks, in the words of hyper, rustls, node and the kernel, when the other side has gone. */
const broken =
  /broken pipe|reset by peer|ECONNRESET|EPIPE|connection (was )?closed|closed before message|hang up|\beof\b/i;

/**
 * With TLS 1.3 a server looks at a client's certificate when the client takes the handshake for done, and one that
 * refuses it may have hung up before its reason is read: then all that shows is a connection that broke.
 */
function explained(error: unknown, { cert: { path } }: ClientCertificate): unknown {
  const reason = reasonOf(error);
  if (refusal.test(reason)) return new Error(`${reason}: the server refused the client certificate ${path}`);
  if (!broken.test(reason)) return error;
  return new Error(`${reason}: the server may have refused the client certificate ${path}`);
}

async function exchange(
  url: string,
  parts: RequestParts,
  connection: Connection | undefined,
  pair: ClientCertificate | undefined,
): Promise<Response> {
  if (connection?.skipVerify && url.startsWith("https:")) {
    const { requestUnverified } = await import("./unverified.ts");
    return await requestUnverified(url, parts, pair);
  }
  return await fetch(url, { ...parts, redirect: "manual", client: clientFor(url, connection, pair) });
}

/** The innermost reason: what wraps it says no more than that something failed. */
export function reasonOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at.cause instanceof Error)) {
      return at.message.replace(/^error sending request for url \(.*?\): /, "");
    }
  }
  return messageOf(error);
}

/** Undefined where fetch's own client does: plain http without proxies. */
function clientFor(
  url: string,
  connection?: Connection,
  pair?: ClientCertificate,
): Deno.HttpClient | undefined {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === "https:";
  if (!isTls && !hasProxies()) return undefined;
  const proxy = hasProxies() ? wayTo(url, hostname, port || (isTls ? "443" : "80")) : undefined;
  const ca = isTls ? connection?.ca ?? [] : [];
  const name = JSON.stringify([proxy, ca, isTls ? pair : undefined]);
  const known = clients.get(name);
  if (known) return known;
  const caCerts = isTls ? [hostRoots(), ...ca.map(({ pem }) => pem)].filter((pem) => pem) : [];
  try {
    const own = isTls && pair ? { cert: pair.cert.pem, key: pair.key.pem } : {};
    const client = Deno.createHttpClient(
      { caCerts, ...own, ...proxy && { proxy } } as Deno.CreateHttpClientOptions,
    );
    if (clients.size >= MOST_CLIENTS) clients.delete(clients.keys().next().value!);
    clients.set(name, client);
    return client;
  } catch (error) {
    const of = pair ? `client certificate ${pair.cert.path}` : ca.map(({ path }) => path).join(", ");
    throw failedPrecondition(`${of} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/** The proxy's address, or the target's own: with the latter given, Deno doesn't look for a proxy itself. */
function wayTo(url: string, hostname: string, port: string): Deno.Proxy {
  const proxy = proxyFor(url);
  if (!proxy) {
    return { transport: "tcp", hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  }
  const [username, password] = [proxy.username, proxy.password].map(decodeURIComponent);
  const basicAuth = username ? { username, password: password! } : undefined;
  const transport = /^socks5h?:$/.test(proxy.protocol)
    ? "socks5"
    : proxy.protocol === "https:"
    ? "https"
    : "http";
  proxy.username = proxy.password = "";
  return { transport, url: proxy.href, ...basicAuth && { basicAuth } };
}

/** When servers were last reached, by host and port. */
const dialed = new Map<string, number>();
const FRESH = 10_000;

/** Fails unless a connection to the server, or its proxy, comes about in time: fetch has no limit for just that. */
async function dial(url: string, millis: number): Promise<void> {
  const { hostname, port, protocol } = proxyFor(url) ?? new URL(url);
  const place = {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || (protocol === "https:" ? 443 : 80)),
  };
  const key = `${place.hostname} ${place.port}`;
  if (performance.now() - (dialed.get(key) ?? -Infinity) < FRESH) return;
  const connecting = Deno.connect(place);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable(`no connection within dial_timeout, ${millis} ms`)), millis);
  });
  try {
    (await Promise.race([connecting, late])).close();
    dialed.set(key, performance.now());
  } catch (error) {
    connecting.then((conn) => conn.close(), () => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Which proxy a request takes, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's programs read them: this machine
 * is never asked through a proxy. Source: golang.org/x/net/http/httpproxy.
 */

/** The proxy for an address; undefined for the direct way. */
export function proxyFor(
  url: string,
  env: (name: string) => string | undefined = environment,
): URL | undefined {
  const { protocol, hostname, port } = new URL(url);
  const name = protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const said = env(name) || env(name.toLowerCase());
  if (!said) return undefined;
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host === "localhost" || isLoopback(host)) return undefined;
  const target = { host, port: port || (protocol === "https:" ? "443" : "80") };
  const spared = (env("NO_PROXY") || env("no_proxy") || "").split(",");
  if (spared.some((entry) => covers(entry.trim().toLowerCase(), target))) return undefined;
  return URL.parse(said.includes("://") ? said : `http://${said}`) ?? undefined;
}

/** Whether the environment names any proxy. */
export const hasProxies = (): boolean =>
  ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"].some((name) => environment(name));

/** A proxy's address fit for messages: without its password. */
export const shownProxy = ({ protocol, host }: URL): string => `${protocol}//${host}`;

const environment = (name: string) => Deno.env.get(name);

const isLoopback = (host: string) => host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);

/** Whether an entry of NO_PROXY is about a target: `*`, a domain, an address, a network, each with a port or not. */
function covers(entry: string, target: { host: string; port: string }): boolean {
  if (!entry) return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return inNetwork(target.host, entry);
  const [, name = "", port] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  const whole = entry.split(":").length > 2 && !entry.startsWith("[") ? entry : name;
  if (port && whole === name && port !== target.port) return false;
  const domain = whole.replace(/^\*?\./, "");
  if (target.host === whole) return true;
  if (whole !== domain) return target.host.endsWith(`.${domain}`);
  return target.host.endsWith(`.${domain}`) && !isAddress(domain);
}

const isAddress = (host: string) => /^[\d.]+$/.test(host) || host.includes(":");

function inNetwork(host: string, network: string): boolean {
  const [base = "", length = ""] = network.split("/");
  const [address, start] = [numberOf(host), numberOf(base)];
  if (address === undefined || start === undefined || !/^\d{1,2}$/.test(length)) return false;
  const size = 2 ** (32 - Number(length));
  return Math.floor(address / size) === Math.floor(start / size);
}

/** An IPv4 address as a number. */
function numberOf(host: string): number | undefined {
  const parts = host.split(".").map(Number);
  const isOne = parts.length === 4 &&
    parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256);
  return isOne ? parts.reduce((sum, part) => sum * 256 + part, 0) : undefined;
}

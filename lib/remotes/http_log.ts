/** What goes between us and registries, told to those who want to see it (`--http-dump`, `--http-trace`), secrets left out. */

/** Somebody who wants to see requests. */
export interface HttpLog {
  /** Heads of requests and answers. */
  readonly dump: boolean;
  /** A line a request: what was asked, what came of it, how long it took. */
  readonly trace: boolean;
  readonly tell: (text: string) => void;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly log?: HttpLog;
}

/** Tells an answer's head; `started` as performance.now() had it. */
export function logAnswer({ log, ...asked }: Asked, answer: Response, started: number): void {
  if (!log) return;
  const { status, headers } = answer;
  if (log.dump) log.tell(`${requestText(asked)}${headText(`< ${status}`, [...headers], "<")}\n`);
  if (log.trace) {
    log.tell(`${lineOf(asked)} -> ${status} ${headers.get("content-type") ?? ""} ${since(started)}\n`);
  }
}

/** Tells that no answer came. */
export function logFailure({ log, ...asked }: Asked, reason: string, started: number): void {
  if (!log) return;
  if (log.dump) log.tell(`${requestText(asked)}< no answer: ${reason}\n\n`);
  if (log.trace) log.tell(`${lineOf(asked)} -> no answer: ${reason} ${since(started)}\n`);
}

const since = (started: number) => `in ${Math.round(performance.now() - started)} ms`;

const lineOf = ({ method, url }: Asked) => `${method} ${addressText(url)}`;

const requestText = (asked: Asked) => headText(`> ${lineOf(asked)}`, Object.entries(asked.headers), ">");

const headText = (first: string, headers: [string, string][], mark: string) =>
  [first, ...headers.map(([name, value]) => `${mark} ${name}: ${valueText(name, value)}`), ""].join("\n");

/** Headers that show who we are, or could: those of a hosts.toml have any names. */
const plain =
  /^(accept.*|cache-control|connection|content-.*|date|docker-content-digest|docker-distribution-api-version|docker-upload-uuid|etag|last-modified|oci-.*|range|retry-after|server|strict-transport-security|transfer-encoding|user-agent|vary|warning|www-authenticate|x-content-type-options)$/;

function valueText(name: string, value: string): string {
  const key = name.toLowerCase();
  if (key === "location") return addressText(value);
  if (plain.test(key)) return value;
  const scheme = key === "authorization" ? /^\w+ /.exec(value)?.[0] ?? "" : "";
  return `${scheme}<redacted>`;
}

/** Addresses of storages are signed, and those of uploads have their state in them. */
function addressText(url: string): string {
  const shown = URL.parse(url, "http://relative.invalid");
  if (!shown) return "<unreadable>";
  const harmless = ["service", "scope", "ns", "digest", "mount", "from"];
  for (const name of [...shown.searchParams.keys()]) {
    if (!harmless.includes(name)) shown.searchParams.set(name, "redacted");
  }
  shown.username = shown.password = "";
  return shown.href.replace("http://relative.invalid", "");
}

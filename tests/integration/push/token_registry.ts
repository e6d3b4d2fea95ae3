/** A registry in memory with a token server, which gives tokens for what it is asked for and no longer than told. */
import { FakeRegistry, type Seen, text } from "./fake_registry.ts";

export class TokenRegistry extends FakeRegistry {
  /** The scopes that tokens were asked for, one a request. */
  readonly asked: string[] = [];
  /** How tokens were asked for: "GET Basic ...", "POST refresh_token=...". */
  readonly shown: string[] = [];
  /** Requests that one token is good for. */
  uses = Infinity;
  /** The repositories that the user may have. */
  allowed = /./;
  readonly #tokens = new Map<string, { scopes: string[]; left: number }>();

  constructor() {
    super();
    this.instead = async (seen, body) => {
      if (seen.path.startsWith("/token")) return this.#give(seen, await new Response(body).text());
      return this.#check(seen);
    };
  }

  #give({ method, path, headers }: Seen, body: string): Response {
    const fields = method === "POST" ? new URLSearchParams(body) : new URL(path, "http://x").searchParams;
    const who = method === "POST" ? fields.get("refresh_token") : headers.get("authorization");
    const scopes = fields.getAll("scope").flatMap((scope) => scope.split(" "));
    this.asked.push(scopes.join(" "));
    this.shown.push(`${method} ${who}`);
    const given = scopes.filter((scope) => this.allowed.test(scope.split(":")[1]!));
    const token = crypto.randomUUID();
    this.#tokens.set(token, { scopes: given, left: this.uses });
    return text(200, JSON.stringify(method === "POST" ? { access_token: token } : { token }));
  }

  #check({ method, path, headers }: Seen): Response | undefined {
    const needed = neededFor(method, path);
    const token = this.#tokens.get(headers.get("authorization")?.replace("Bearer ", "") ?? "");
    const may = token && token.left-- > 0 &&
      needed.every((need) => token.scopes.some((has) => covers(has, need)));
    if (may) return undefined;
    const realm = `Bearer realm="http://${this.host}/token",service="test",scope="${needed.join(" ")}"`;
    return text(401, JSON.stringify({ errors: [{ code: "UNAUTHORIZED" }] }), { "www-authenticate": realm });
  }
}

function neededFor(method: string, path: string): string[] {
  const url = new URL(path, "http://x");
  const repository = /^\/v2\/(.+)\/(?:blobs|manifests)\//.exec(url.pathname)![1];
  const reads = method === "GET" && !path.includes("/uploads/") || method === "HEAD";
  const from = url.searchParams.get("from");
  return [
    `repository:${repository}:${reads ? "pull" : "pull,push"}`,
    ...from ? [`repository:${from}:pull`] : [],
  ];
}

function covers(has: string, need: string): boolean {
  const [hasRepository, hasActions] = split(has);
  const [repository, actions] = split(need);
  return hasRepository === repository && actions.every((action) => hasActions.includes(action));
}

function split(scope: string): [string, string[]] {
  const at = scope.lastIndexOf(":");
  return [scope.slice(0, at), scope.slice(at + 1).split(",")];
}

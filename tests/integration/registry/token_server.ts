/** A token server for a real docker-registry: signs what a user may do. Source: distribution's token specification. */
import { must } from "../../harness/mod.ts";

const service = "registry.test";
const issuer = "tokens of a test";

export class TokenServer implements AsyncDisposable {
  /** How tokens were asked for: "GET alice:pw repository:a:pull", "POST <refresh token> ...", "GET - ..." */
  readonly asked: string[] = [];
  /** What it does in place of its work. */
  instead: (() => Response | Promise<Response>) | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #key: CryptoKey;
  readonly #certificate: string;
  readonly #bundle: string;

  private constructor(key: CryptoKey, certificate: string, bundle: string) {
    this.#key = key;
    this.#certificate = certificate;
    this.#bundle = bundle;
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(
      options,
      async (request) => await this.instead?.() ?? await this.#give(request),
    );
  }

  static async start(dir: string): Promise<TokenServer> {
    await Deno.mkdir(dir, { recursive: true });
    const [key, cert] = [`${dir}/token.key`, `${dir}/token.crt`];
    await must("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${dir}/ec.key`]);
    await must("openssl", ["pkcs8", "-topk8", "-nocrypt", "-in", `${dir}/ec.key`, "-out", key]);
    await must("openssl", ["req", "-x509", "-key", key, "-out", cert, "-days", "2", "-subj", "/CN=tokens"]);
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const secret = await crypto.subtle.importKey(
      "pkcs8",
      fromPem(await Deno.readTextFile(key)),
      algorithm,
      false,
      [
        "sign",
      ],
    );
    const certificate = fromPem(await Deno.readTextFile(cert)).toBase64();
    return new TokenServer(secret, certificate, cert);
  }

  /** What the registry has to know. */
  get settings() {
    return {
      realm: `http://127.0.0.1:${this.#server.addr.port}/token`,
      issuer,
      service,
      bundle: this.#bundle,
    };
  }

  async #give(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const fields = request.method === "POST" ? new URLSearchParams(await request.text()) : url.searchParams;
    const basic = /^Basic (.*)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    const who = fields.get("refresh_token") ?? (basic ? atob(basic) : "-");
    const scopes = fields.getAll("scope").flatMap((scope) => scope.split(" ")).filter((scope) => scope);
    this.asked.push([request.method, who, ...scopes].join(" "));
    if (!["alice:right", "identity"].includes(who)) return new Response("no", { status: 401 });
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(":");
      return { type, name, actions: actions!.split(",") };
    });
    const token = await this.#sign(access);
    return Response.json(request.method === "POST" ? { access_token: token } : { token, expires_in: 300 });
  }

  async #sign(access: unknown): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: service, sub: "alice", jti: crypto.randomUUID(), access };
    const times = { iat: now - 5, nbf: now - 5, exp: now + 300 };
    const parts = [{ typ: "JWT", alg: "ES256", x5c: [this.#certificate] }, { ...claims, ...times }];
    const text = parts.map((part) => encoded(new TextEncoder().encode(JSON.stringify(part)))).join(".");
    const how = { name: "ECDSA", hash: "SHA-256" };
    return `${text}.${
      encoded(new Uint8Array(await crypto.subtle.sign(how, this.#key, new TextEncoder().encode(text))))
    }`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const encoded = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });

const fromPem = (pem: string) =>
  Uint8Array.fromBase64(pem.split("\n").filter((line) => line && !line.startsWith("-----")).join(""));

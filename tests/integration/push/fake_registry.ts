/** A registry in memory that does what the specification says, but for what a test replaces; resumes uploads. */
import { Buffer } from "node:buffer";
import { digestOf } from "./real.ts";

/** One request as the registry saw it. */
export interface Seen {
  method: string;
  /** With the query. */
  path: string;
  headers: Headers;
}

/** What a test does to a request in place of the registry; undefined lets it pass. */
export type Instead = (
  seen: Seen,
  body: ReadableStream<Uint8Array> | null,
) => Response | undefined | Promise<Response | undefined>;

export class FakeRegistry implements AsyncDisposable {
  readonly host: string;
  readonly requests: Seen[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  /** By tag and by digest. */
  readonly manifests = new Map<string, { type: string; bytes: Uint8Array }>();
  instead: Instead = () => undefined;
  readonly #uploads = new Map<string, Uint8Array[]>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {}, onError: () => text(500, "broken") };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.host = `127.0.0.1:${this.#server.addr.port}`;
  }

  /** The requests so far, as "PUT /v2/...". */
  lines(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const seen = { method: request.method, path: pathname + search, headers: request.headers };
    this.requests.push(seen);
    return await this.instead(seen, request.body) ?? await this.#honest(request, pathname);
  }

  async #honest(request: Request, path: string): Promise<Response> {
    const upload = /\/blobs\/uploads\/(.*)$/.exec(path);
    if (upload) return await this.#upload(request, path, upload[1]!);
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (path.includes("/manifests/")) return await this.#manifest(request, name);
    const blob = this.blobs.get(name);
    if (!blob) return text(404);
    return new Response(null, { headers: { "content-length": `${blob.length}` } });
  }

  async #manifest(request: Request, name: string): Promise<Response> {
    if (request.method === "PUT") {
      const bytes = await bytesOf(request.body);
      const digest = digestOf(bytes);
      const stored = { type: request.headers.get("content-type")!, bytes };
      this.manifests.set(name, stored).set(digest, stored);
      return text(201, "", { "docker-content-digest": digest });
    }
    const found = this.manifests.get(name);
    if (!found) return text(404);
    return text(200, "", { "docker-content-digest": digestOf(found.bytes), "content-type": found.type });
  }

  async #upload(request: Request, path: string, id: string): Promise<Response> {
    if (request.method === "POST") {
      const begun = crypto.randomUUID();
      this.#uploads.set(begun, []);
      return text(202, "", { location: `${path}${begun}` });
    }
    const pieces = this.#uploads.get(id);
    if (!pieces) return text(404);
    const range = () => ({ range: `0-${Math.max(lengthOf(pieces) - 1, 0)}`, location: path });
    if (request.method === "GET") return text(204, null, range());
    const start = /^(\d+)-/.exec(request.headers.get("content-range") ?? "")?.[1];
    if (request.method === "PATCH" && start && Number(start) !== lengthOf(pieces)) return text(416);
    // What has come is kept, also if the rest doesn't.
    for await (const piece of request.body ?? []) pieces.push(piece);
    if (request.method === "PATCH") return text(202, "", range());
    const digest = new URL(request.url).searchParams.get("digest")!;
    const whole = Buffer.concat(pieces);
    this.#uploads.delete(id);
    if (digestOf(whole) !== digest) {
      return text(400, JSON.stringify({ errors: [{ code: "DIGEST_INVALID" }] }));
    }
    this.blobs.set(digest, whole);
    return text(201, "", { "docker-content-digest": digest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const lengthOf = (pieces: Uint8Array[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);

/** An answer. */
export function text(
  status: number,
  body: string | null = "",
  headers: Record<string, string> = {},
): Response {
  return new Response(body, { status, headers });
}

async function bytesOf(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** A way to a server that lets so many bytes of one connection pass and then breaks it, or lets no more through. */
export class Wire implements AsyncDisposable {
  readonly host: string;
  /** What happens to the next connections: each takes one. */
  readonly faults: { after: number; then: "cut" | "hang" }[] = [];
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();

  constructor(target: string) {
    const [hostname, port] = target.split(":");
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#accept(hostname!, Number(port));
  }

  async #accept(hostname: string, port: number): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname, port });
      this.#open.add(client).add(server);
      this.#back(server, client);
      this.#forth(client, server);
    }
  }

  async #forth(client: Deno.Conn, server: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16 << 10);
    let passed = 0;
    try {
      for (let n; (n = await client.read(buffer)) !== null;) {
        passed += n;
        for (let at = 0; at < n;) at += await server.write(buffer.subarray(at, n));
        const fault = this.faults[0];
        if (!fault || passed < fault.after) continue;
        this.faults.shift();
        if (fault.then === "hang") return;
        break;
      }
    } catch {
      // One end has gone.
    }
    this.#close(client, server);
  }

  async #back(server: Deno.Conn, client: Deno.Conn): Promise<void> {
    await server.readable.pipeTo(client.writable).catch(() => {});
    this.#close(client, server);
  }

  #close(...ends: Deno.Conn[]): void {
    for (const end of ends) {
      if (!this.#open.delete(end)) continue;
      try {
        end.close();
      } catch {
        // Its stream has closed it.
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#close(...this.#open);
    return Promise.resolve();
  }
}

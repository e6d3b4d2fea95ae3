/** A slow way to a registry: blobs come in small pieces, so that a test can do something in the middle of one. */
import type { Registry } from "./registry.ts";

export class SlowProxy implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** What was asked for so far, "GET /v2/... bytes=100-" say. */
  readonly requests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #registry: Registry;
  /** Bytes a millisecond; 0 for all at once. May be changed at any time. */
  rate: number;

  constructor(registry: Registry, rate: number) {
    this.#registry = registry;
    this.rate = rate;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#pass(request),
    );
    this.host = `127.0.0.1:${this.#server.addr.port}`;
  }

  async #pass(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const range = request.headers.get("range");
    this.requests.push([request.method, pathname, range].filter((part) => part).join(" "));
    const headers = new Headers(request.headers);
    headers.set("host", this.#registry.host);
    const answer = await fetch(`http://${this.#registry.host}${pathname}${search}`, {
      method: request.method,
      headers,
    });
    const isBlob = request.method === "GET" && pathname.includes("/blobs/");
    const body = isBlob ? answer.body?.pipeThrough(this.#slowly()) : answer.body;
    return new Response(body, { status: answer.status, headers: answer.headers });
  }

  #slowly(): TransformStream<Uint8Array, Uint8Array> {
    // Timers are no finer than a millisecond.
    const piece = Math.max(16 << 10, this.rate * 2);
    return new TransformStream({
      transform: async (chunk, controller) => {
        for (let at = 0; at < chunk.length; at += piece) {
          if (this.rate) await new Promise((resolve) => setTimeout(resolve, piece / this.rate));
          controller.enqueue(chunk.subarray(at, at + piece));
        }
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A server before a registry: tells what it was asked for, and may answer itself. */

/** One request, as it came. */
export interface Asked {
  /** "GET /v2/noise/manifests/1?ns=registry.test" */
  line: string;
  headers: Headers;
}

export type InPlace = (asked: Asked) => Response | undefined;

export class Front implements AsyncDisposable {
  readonly host: string;
  readonly asked: Asked[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Passes what `inPlace` leaves on to `http://TARGET`, without `prefix`. */
  constructor(target: string, inPlace: InPlace = () => undefined, prefix = "") {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname, search } = new URL(request.url);
      const asked = { line: `${request.method} ${pathname}${search}`, headers: request.headers };
      this.asked.push(asked);
      const own = inPlace(asked);
      if (own) return own;
      const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : pathname;
      const headers = new Headers(request.headers);
      headers.delete("host");
      const body = request.body && await request.arrayBuffer();
      const init = { method: request.method, headers, body, redirect: "manual" } as const;
      const answer = await fetch(`http://${target}${path}${search}`, init);
      return new Response(answer.body, { status: answer.status, headers: answer.headers });
    });
    this.host = `127.0.0.1:${this.#server.addr.port}`;
  }

  /** What it was asked for, each once, sorted; forgotten afterwards. */
  take(): string[] {
    return [...new Set(this.asked.splice(0).map(({ line }) => line))].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A place that takes no more connections: whoever comes waits. */
export class FullListener implements Disposable {
  readonly host: string;
  readonly #listener: Deno.TcpListener;
  readonly #waiting: Deno.Conn[] = [];

  private constructor() {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  static async make(): Promise<FullListener> {
    const full = new FullListener();
    const [hostname, port] = full.host.split(":");
    const place = { hostname: hostname!, port: Number(port) };
    for (;;) {
      const connecting = Deno.connect(place);
      const conn = await Promise.race([connecting, new Promise<void>((resolve) => setTimeout(resolve, 300))]);
      if (!conn) {
        connecting.then((late) => late.close(), () => {});
        return full;
      }
      full.#waiting.push(conn);
    }
  }

  [Symbol.dispose](): void {
    for (const conn of this.#waiting) conn.close();
    this.#listener.close();
  }
}

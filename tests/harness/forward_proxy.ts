/** A forward proxy that knows names of hosts that nobody else knows: all of them are on this machine. */

export class ForwardProxy implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** "CONNECT registry.test:443", "GET http://registry.test/v2/": one a connection, or request in plain http. */
  readonly asked: string[] = [];
  /** Proxy-Authorization headers that came. */
  readonly shown = new Set<string>();
  readonly #names: ReadonlyMap<string, string>;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();

  /** `names`: where `registry.test:80` is, say. */
  constructor(names: Record<string, string>) {
    this.#names = new Map(Object.entries(names));
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#open.add(client);
      this.#serve(client).catch(() => {}).finally(() => this.#close(client));
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const { head, rest } = await headOf(client);
    const [line = "", ...headers] = head.split("\r\n");
    this.asked.push(line.replace(/ HTTP\/1\.1$/, ""));
    for (const header of headers) {
      const value = /^proxy-authorization: (.*)$/i.exec(header)?.[1];
      if (value) this.shown.add(value);
    }
    const [method, target = ""] = line.split(" ");
    const place = method === "CONNECT" ? target : placeOf(target);
    const known = this.#names.get(place);
    if (!known) return void await write(client, "HTTP/1.1 502 unknown name\r\ncontent-length: 0\r\n\r\n");
    const [hostname, port] = known.split(":");
    const server = await Deno.connect({ hostname, port: Number(port) });
    this.#open.add(server);
    if (method === "CONNECT") await write(client, "HTTP/1.1 200 go on\r\n\r\n");
    else await write(server, plainHead(line, headers), rest);
    await Promise.all([pass(client, server), pass(server, client)]);
    this.#close(server);
  }

  #close(conn: Deno.Conn): void {
    if (!this.#open.delete(conn)) return;
    try {
      conn.close();
    } catch {
      // It has closed itself.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of [...this.#open]) this.#close(conn);
    return Promise.resolve();
  }
}

function placeOf(target: string): string {
  const { hostname, port } = new URL(target);
  return `${hostname}:${port || 80}`;
}

/** A request as the server itself would get it, the only one on its connection. */
function plainHead(line: string, headers: string[]): string {
  const { pathname, search } = new URL(line.split(" ")[1]!);
  const kept = headers.filter((header) => header && !/^(proxy-|connection:)/i.test(header));
  return [`${line.split(" ")[0]} ${pathname}${search} HTTP/1.1`, ...kept, "connection: close", "", ""].join(
    "\r\n",
  );
}

async function headOf(conn: Deno.Conn): Promise<{ head: string; rest: Uint8Array<ArrayBuffer> }> {
  const buffer = new Uint8Array(64 << 10);
  for (let size = 0;;) {
    const read = await conn.read(buffer.subarray(size));
    if (read === null || size + read === buffer.length) throw new Error("no request");
    size += read;
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, size));
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return { head: text.slice(0, end), rest: buffer.slice(end + 4, size) };
  }
}

async function write(conn: Deno.Conn, text: string, rest = new Uint8Array()): Promise<void> {
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array([...head, ...rest]);
  for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
}

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 << 10);
  try {
    for (let read; (read = await from.read(buffer)) !== null;) {
      for (let done = 0; done < read;) done += await to.write(buffer.subarray(done, read));
    }
    await to.closeWrite();
  } catch {
    // The other end has gone.
  }
}

/** A gRPC server: what containerd's clients speak. Source: gRPC over HTTP/2 (PROTOCOL-HTTP2.md of gRPC). */
import { serveConnections, type Server } from "../accept.ts";
import { Connection } from "../http2/connection.ts";
import { ErrorCode } from "../http2/frame.ts";
import type { Stream } from "../http2/stream.ts";
import type { Service } from "../service.ts";
import { refusalFields } from "./answer.ts";
import { Call, type Method } from "./call.ts";
import { headOf } from "./head.ts";

/** How many cancelled calls of a connection may still be coming to their end before it gets no new ones. */
const mostAbandoned = 1000;

/** Serves `services` on a listener, which it closes in the end. */
export function serveGrpc(listener: Deno.Listener, services: readonly Service[]): Server {
  const methods = tableOf(services);
  return serveConnections(listener, (conn) => new ServerConnection(conn, methods));
}

function tableOf(services: readonly Service[]): Map<string, Method> {
  const methods = new Map<string, Method>();
  for (const { definition, impl } of services) {
    for (const [key, method] of Object.entries(definition.methods)) {
      const handler = impl[key]?.bind(impl);
      methods.set(`/${definition.fullName}/${method.name}`, { definition: method, handler });
    }
  }
  return methods;
}

class ServerConnection {
  readonly #http: Connection;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #running = new Map<Stream, Promise<void>>();

  constructor(conn: Deno.Conn, methods: ReadonlyMap<string, Method>) {
    this.#methods = methods;
    this.#http = new Connection(conn, (stream) => this.#take(stream));
  }

  /** From the first request to the end of the last handler. */
  async serve(): Promise<void> {
    await this.#http.run();
    await Promise.all(this.#running.values());
  }

  close(): void {
    this.#http.close();
  }

  #take(stream: Stream): void {
    const head = headOf(stream.fields);
    if (typeof head === "string") return stream.finish(refusalFields(head));
    if (this.#abandoned() > mostAbandoned) return stream.reset(ErrorCode.EnhanceYourCalm);
    const call = new Call(stream, head);
    const running = call.run(this.#methods.get(head.path)).finally(() => this.#running.delete(stream));
    this.#running.set(stream, running);
  }

  #abandoned(): number {
    if (this.#running.size <= mostAbandoned) return 0;
    return [...this.#running.keys()].filter(({ closed }) => closed).length;
  }
}

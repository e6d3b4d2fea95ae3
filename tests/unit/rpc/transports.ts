/** The three transports, each as a server with a client of it. */
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { serveGrpc } from "../../../lib/rpc/grpc/server.ts";
import { localChannel } from "../../../lib/rpc/local.ts";
import type { Channel, Service } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { serveTtrpc } from "../../../lib/rpc/ttrpc/server.ts";

/** A server that runs, with a client; another client is one `connect` away. */
export interface Running extends AsyncDisposable {
  path: string;
  channel: Channel;
  connect(): Promise<Channel>;
  /** Ends the server alone. */
  shutdown(): Promise<void>;
}

export type Start = (services: Service[]) => Promise<Running>;

type Serve = (path: string, services: Service[]) => Promise<{ shutdown(): Promise<void> }>;

/** Starts `serve` on a socket of its own. */
function over(serve: Serve, connect: (path: string) => Promise<Channel>): Start {
  return async (services) => {
    const dir = await Deno.makeTempDir({ prefix: "longshore-rpc-" });
    const path = `${dir}/sock`;
    const server = await serve(path, services);
    const channel = await connect(path);
    const dispose = async () => {
      await channel[Symbol.asyncDispose]();
      await server.shutdown().catch(() => {}); // a test may have done so
      await Deno.remove(dir, { recursive: true });
    };
    return {
      path,
      channel,
      connect: () => connect(path),
      shutdown: () => server.shutdown(),
      [Symbol.asyncDispose]: dispose,
    };
  };
}

export const startTtrpc: Start = over(
  (path, services) => Promise.resolve(serveTtrpc(Deno.listen({ transport: "unix", path }), services)),
  connectTtrpc,
);

const startLocal: Start = (services) => {
  const channel = localChannel(services);
  const connect = () => Promise.resolve(localChannel(services));
  const shutdown = async () => await channel[Symbol.asyncDispose]();
  return Promise.resolve({ path: "", channel, connect, shutdown, [Symbol.asyncDispose]: shutdown });
};

export const transports: [name: string, start: Start][] = [
  ["ttrpc", startTtrpc],
  [
    "grpc",
    over(
      (path, services) => Promise.resolve(serveGrpc(Deno.listen({ transport: "unix", path }), services)),
      connectGrpc,
    ),
  ],
  ["local", startLocal],
];

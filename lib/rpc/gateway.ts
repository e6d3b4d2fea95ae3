/**
 * The gRPC gateway: a process of its own that serves gRPC and passes every call on to the daemon over ttrpc.
 *
 * Deno's node:http2 can abort the process that it runs in when a client's connection ends
 * (denoland/deno#36788), and no code can catch that. Here it takes a gateway along, which the daemon replaces
 * with the next connection, and not the daemon. It also keeps HTTP/2's work off the daemon's thread.
 */
import { allDefinitions } from "../api/mod.ts";
import { gatewayLimit, listenerFd, ofShims } from "./gateway_terms.ts";
import { serveGrpc } from "./grpc/server.ts";
import type { CallContext, Channel, Codec, Service, ServiceDefinition } from "./service.ts";
import { connectTtrpc } from "./ttrpc/client.ts";

/**
 * Serves gRPC for the daemon at the ttrpc socket `daemon` until standard input ends. The socket that clients
 * connect to is the daemon's, inherited as descriptor {@linkcode listenerFd}.
 */
export async function runGateway(daemon: string): Promise<void> {
  await using channel = await connectTtrpc(daemon, { limit: gatewayLimit });
  const services = allDefinitions
    .filter(({ fullName }) => !ofShims.test(fullName))
    .map((definition) => passedOn(definition, channel));
  await serveGrpc({ fd: listenerFd }, services);
  // Standard input is a pipe from the daemon: it ends with the daemon, however that ends. What was being answered
  // is lost with the daemon, so there is nothing to wait for.
  while (await Deno.stdin.read(new Uint8Array(64)) !== null);
  Deno.exit(0);
}

/** A message as its bytes: a gateway need not know what they say. */
interface Raw {
  bytes: Uint8Array;
}

const raw: Codec<Raw> = {
  encode: ({ bytes }) => ({ finish: () => bytes }),
  decode: (bytes) => ({ bytes }),
};

/** A service whose every method calls the same method over `channel`. */
export function passedOn({ name, fullName, methods }: ServiceDefinition, channel: Channel): Service {
  const entries = Object.entries(methods);
  const definition: ServiceDefinition = {
    name,
    fullName,
    methods: Object.fromEntries(
      entries.map(([key, method]) => [key, { ...method, requestType: raw, responseType: raw }]),
    ),
  };
  const stub = channel.stub(definition);
  const impl = entries.map(([key]) => {
    const call = (request: unknown, { namespace, lease, signal }: CallContext) =>
      stub[key]!(request as never, { namespace, lease, signal });
    return [key, call];
  });
  return { definition, impl: Object.fromEntries(impl) };
}

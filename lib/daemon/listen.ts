/** The daemon's sockets. */
import { failedPrecondition } from "../errors.ts";
import type { Service } from "../rpc/service.ts";
import { serveGrpc } from "../rpc/grpc/server.ts";
import { placeSocket, removeSocket } from "../rpc/socket.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import type { Config } from "./config.ts";

/**
 * Serves gRPC at the configured address and ttrpc beside it, both for their owner alone.
 * Sockets of a dead daemon are replaced. Throws FailedPrecondition if a live one serves there.
 */
export async function listen(config: Config, services: readonly Service[]): Promise<AsyncDisposable> {
  const ttrpcPath = `${config.address}.ttrpc`;
  await refuseIfTaken(ttrpcPath);
  await refuseIfTaken(config.address);
  await using stack = new AsyncDisposableStack();
  const at = async (path: string, serve: (listener: Deno.Listener) => AsyncDisposable) => {
    await placeSocket(path, config, (bound) => {
      stack.use(serve(Deno.listen({ transport: "unix", path: bound })));
      return Promise.resolve();
    });
    stack.defer(() => removeSocket(path));
  };
  await at(config.address, (listener) => serveGrpc(listener, services));
  // Last, since whoever finds this socket takes the other for there.
  await at(ttrpcPath, (listener) => serveTtrpc(listener, services));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A socket that answers belongs to somebody; one that does not is a dead daemon's. Other files are not ours. */
async function refuseIfTaken(path: string): Promise<void> {
  const there = await Deno.lstat(path).catch(() => undefined);
  if (there && !there.isSocket) throw failedPrecondition(`${path} is there and no socket`);
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch {
    return;
  }
  throw failedPrecondition(`another daemon serves ${path}`);
}

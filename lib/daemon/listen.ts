/** The daemon's sockets. */
import { failedPrecondition } from "../errors.ts";
import type { Service } from "../rpc/service.ts";
import { placeSocket, removeSocket } from "../rpc/socket.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import type { Config } from "./config.ts";

/** A way to serve gRPC at the configured address. */
export type ServeGrpc = (config: Config, services: readonly Service[]) => Promise<AsyncDisposable>;

/**
 * Serves gRPC at the configured address and ttrpc beside it, both for their owner alone.
 * Sockets of a dead daemon are replaced. Throws FailedPrecondition if a live one serves there.
 */
export async function listen(
  config: Config,
  services: readonly Service[],
  serveGrpc: ServeGrpc = inThisProcess,
): Promise<AsyncDisposable> {
  const ttrpcPath = `${config.address}.ttrpc`;
  await refuseIfTaken(ttrpcPath);
  await refuseIfStaysTaken(config.address);
  await using stack = new AsyncDisposableStack();
  stack.use(await serveGrpc(config, services));
  // Last, since whoever finds this socket takes the other for there.
  await placeSocket(ttrpcPath, config, (path) => {
    stack.use(serveTtrpc(Deno.listen({ transport: "unix", path }), services));
    return Promise.resolve();
  });
  stack.defer(() => removeSocket(ttrpcPath));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Serves gRPC without a process for it: what an embedded daemon does. */
const inThisProcess: ServeGrpc = async (config, services) => {
  await using stack = new AsyncDisposableStack();
  const { serveGrpc } = await import("../rpc/grpc/server.ts");
  await placeSocket(config.address, config, async (path) => {
    stack.use(await serveGrpc({ path }, services));
  });
  stack.defer(() => removeSocket(config.address));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
};

/** The gateway of a daemon that was killed answers for a moment longer. */
async function refuseIfStaysTaken(path: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      return await refuseIfTaken(path);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await refuseIfTaken(path);
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

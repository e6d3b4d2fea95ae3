/** The daemon's sockets. */
import { failedPrecondition } from "../errors.ts";
import { serveGrpc } from "../rpc/grpc/server.ts";
import type { Service } from "../rpc/service.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import type { Config } from "./config.ts";

/** Serves gRPC at the configured address and ttrpc beside it, both for their owner alone. */
export async function listen(config: Config, services: readonly Service[]): Promise<AsyncDisposable> {
  const ttrpcPath = `${config.address}.ttrpc`;
  await clear(config.address);
  await clear(ttrpcPath);
  // Nobody may connect between the making of a socket and its chmod.
  const umask = Deno.umask(0o177);
  try {
    const ttrpc = serveTtrpc(Deno.listen({ transport: "unix", path: ttrpcPath }), services);
    const grpc = await serveGrpc(config.address, services);
    for (const path of [config.address, ttrpcPath]) await Deno.chown(path, config.uid, config.gid);
    return {
      async [Symbol.asyncDispose]() {
        await Promise.all([grpc.shutdown(), ttrpc.shutdown()]);
        for (const path of [config.address, ttrpcPath]) await removeIfThere(path);
      },
    };
  } finally {
    Deno.umask(umask);
  }
}

/** Removes a dead daemon's socket. A socket that answers belongs to somebody. */
async function clear(path: string): Promise<void> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch {
    return await removeIfThere(path);
  }
  throw failedPrecondition(`another daemon serves ${path}`);
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** The daemon's sockets. */
import { dirname } from "node:path";
import { failedPrecondition } from "../errors.ts";
import { serveGrpc } from "../rpc/grpc/server.ts";
import type { Service } from "../rpc/service.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import type { Config } from "./config.ts";

/**
 * Serves gRPC at the configured address and ttrpc beside it, both for their owner alone.
 * Sockets of a dead daemon are replaced. Throws FailedPrecondition if a live one serves there.
 */
export async function listen(config: Config, services: readonly Service[]): Promise<AsyncDisposable> {
  const ttrpcPath = `${config.address}.ttrpc`;
  for (const path of [config.address, ttrpcPath]) await refuseIfTaken(path);
  await using stack = new AsyncDisposableStack();
  await place(config, config.address, async (path) => {
    stack.use(await serveGrpc(path, services));
  });
  stack.defer(() => removeIfThere(config.address));
  // Last, since whoever finds this socket takes the other for there.
  await place(config, ttrpcPath, (path) => {
    stack.use(serveTtrpc(Deno.listen({ transport: "unix", path }), services));
    return Promise.resolve();
  });
  stack.defer(() => removeIfThere(ttrpcPath));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * A socket with owner and mode set before anybody can reach it: bound in a closed directory, then renamed to
 * its place. A umask would do it too, but holds for the whole process, and for the shim that is being started.
 */
async function place(config: Config, path: string, bind: (path: string) => Promise<void>): Promise<void> {
  const closed = await Deno.makeTempDir({ dir: dirname(path), prefix: "." });
  try {
    const bound = `${closed}/s`;
    await bind(bound);
    await Deno.chmod(bound, 0o600);
    await Deno.chown(bound, config.uid, config.gid);
    await Deno.rename(bound, path);
  } finally {
    await Deno.remove(closed, { recursive: true });
  }
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

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

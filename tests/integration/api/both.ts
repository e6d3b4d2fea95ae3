/** One daemon, over each of its sockets. */
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { type Longshore, startLongshore } from "../../harness/mod.ts";

/** Runs a body over both sockets of one daemon. */
export async function overBoth(
  body: (connect: () => Promise<Channel>, name: string, daemon: Longshore) => Promise<void>,
): Promise<void> {
  await using daemon = await startLongshore();
  await body(() => connectGrpc(daemon.address), "grpc", daemon);
  await body(() => connectTtrpc(`${daemon.address}.ttrpc`), "ttrpc", daemon);
}

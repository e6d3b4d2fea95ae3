/**
 * How a client reaches a daemon: ttrpc, which is light, to ours; gRPC, which takes time to load, to a foreign one.
 */
import { VersionDefinition } from "../api/services/version/v1/version.ts";
import { Code, isError, unavailable } from "../errors.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import type { Channel } from "../rpc/service.ts";

/** Where our daemon listens unless told otherwise. */
export const defaultAddress = "/run/longshore/longshore.sock";

/** Connects to the daemon whose gRPC socket is at `address`. Throws Unavailable if nobody answers there. */
export async function dial(address: string, signal?: AbortSignal): Promise<Channel> {
  const light = await connectTtrpc(`${address}.ttrpc`).catch(() => undefined);
  if (light && await servesAll(light, signal)) return light;
  await light?.[Symbol.asyncDispose]();
  const there = await Deno.lstat(address).then(() => true, () => false);
  if (!there) throw unavailable(`no socket at ${address}`);
  const { connectGrpc } = await import("../rpc/grpc/client.ts");
  return await connectGrpc(address);
}

/** Go's containerd serves little over ttrpc, and not its version. */
async function servesAll(channel: Channel, signal?: AbortSignal): Promise<boolean> {
  try {
    await channel.stub(VersionDefinition).version({}, { signal });
    return true;
  } catch (error) {
    if (isError(error, Code.Unimplemented) || isError(error, Code.Unavailable)) return false;
    throw error;
  }
}

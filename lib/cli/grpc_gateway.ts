/** `ctr grpc-gateway DAEMON ADDRESS UID GID`: speaks gRPC for the daemon, which starts it; a person does not. */
import type { Call } from "./command.ts";

export async function run({ args }: Call): Promise<void> {
  const [daemon = "", address = "", uid, gid] = args;
  const { runGateway } = await import("../rpc/gateway.ts");
  await runGateway(daemon, address, { uid: Number(uid), gid: Number(gid) });
}

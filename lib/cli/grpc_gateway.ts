/** `ctr grpc-gateway DAEMON`: speaks gRPC for the daemon, which starts it; a person does not. */
import type { Call } from "./command.ts";

export async function run({ args: [daemon = ""] }: Call): Promise<void> {
  const { runGateway } = await import("../rpc/gateway.ts");
  await runGateway(daemon);
}

/**
 * The executable of a shim that speaks gRPC, for tests: `start` leaves a server behind, which passes calls on to a
 * shim of ours; `delete` says how a dead one's task ended. What it was told by its caller it writes to its log.
 */
import { DeleteResponse } from "../../../lib/api/runtime/task/v2/shim.ts";
import { TaskDefinition } from "../../../lib/api/runtime/task/v3/shim.ts";
import { serveGrpc } from "../../../lib/rpc/grpc/server.ts";
import { type Service, service, type ServiceImpl } from "../../../lib/rpc/service.ts";
import { now } from "../../../lib/rpc/timestamp.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { shimSocket, spawnShim } from "../../../lib/shim/mod.ts";
import { fromSource } from "./fixture.ts";

if (import.meta.main) await run();

async function run(): Promise<void> {
  const action = Deno.args.at(-1)!;
  if (action === "start") await start();
  if (action === "delete") await cleanUp(Deno.cwd().split("/").at(-1)!);
  if (action === "serve") await serve(Deno.args[0]!, Deno.args[1]!);
}

async function start(): Promise<void> {
  const env = ["MAX_SHIM_VERSION", "NAMESPACE"].map((name) => `${name}=${Deno.env.get(name)}`);
  const state = Deno.cwd() + "/shim";
  const address = Deno.env.get("TTRPC_ADDRESS")!;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--unstable-kv",
      "--quiet",
      "--no-check",
      import.meta.filename!,
      state,
      address,
      "serve",
    ],
    cwd: "/",
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  await child.stdout.getReader().read();
  await Deno.writeTextFile("log", `was told ${env.join(" ")}\n`);
  console.log(JSON.stringify({ version: 3, address: `unix://${state}/grpc.sock`, protocol: "grpc" }));
  Deno.exit(0);
}

async function cleanUp(id: string): Promise<void> {
  await using channel = await connectTtrpc(shimSocket(`${Deno.cwd()}/shim`));
  const stub = channel.stub(TaskDefinition, { namespace: "default" });
  await stub.kill({ id, signal: 9 });
  await stub.wait({ id });
  await stub.delete({ id });
  await stub.shutdown({ id });
  Deno.stdout.writeSync(DeleteResponse.encode({ pid: 7, exitStatus: 77, exitedAt: now() }).finish());
}

async function serve(state: string, address: string): Promise<void> {
  await spawnShim({ state, address, command: fromSource });
  const channel = await connectTtrpc(shimSocket(state));
  const stub = channel.stub(TaskDefinition);
  const methods = Object.keys(TaskDefinition.methods) as (keyof typeof TaskDefinition.methods)[];
  const impl = Object.fromEntries(methods.map((name) => [
    name,
    // deno-lint-ignore no-explicit-any
    (request: any, { namespace, signal }: { namespace: string; signal: AbortSignal }) =>
      stub[name](request, { namespace, signal }),
  ])) as ServiceImpl<typeof TaskDefinition>;
  const shutdown: typeof impl.shutdown = async (request) => {
    await stub.shutdown(request, { namespace: "default" });
    setTimeout(() => Deno.exit(0), 50);
    return {};
  };
  const services: Service[] = [service(TaskDefinition, { ...impl, shutdown })];
  serveGrpc(Deno.listen({ transport: "unix", path: `${state}/grpc.sock` }), services);
  console.log("serves");
}

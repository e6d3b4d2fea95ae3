/** A daemon reduced to its task manager: starts one container as told on standard input, then waits to die. */
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import { CreateTaskRequest } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { TaskManager } from "../../../lib/runtime/mod.ts";
import { fromSource, noCheckpoints } from "./fixture.ts";

const { state, address, id, rootfs, spec } = await new Response(Deno.stdin.readable).json();
const record = complete(Container, { id, spec: { typeUrl: "", value: new TextEncoder().encode(spec) } });
const tasks = new TaskManager({
  state,
  address,
  containers: { get: () => record },
  publisher: { publish() {} },
  checkpoints: noCheckpoints,
  command: fromSource,
});
const scope = { namespace: "testing" };
await tasks.create(scope, complete(CreateTaskRequest, { containerId: id, rootfs }));
await tasks.start(scope, { containerId: id, execId: "" });
console.log("running");
setInterval(() => {}, 1000);

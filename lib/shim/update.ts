/** Update: changes the limits of a container. */
import type { UpdateTaskRequest } from "../api/runtime/task/v3/shim.ts";
import { Status } from "../api/types/task/task.ts";
import { Code, CtrError, invalidArgument, messageOf } from "../errors.ts";
import { type Container, inTurn } from "./container.ts";
import { runRunc } from "./runc.ts";
import type { Shim } from "./shim.ts";

/**
 * Has runc set the resources of the request, JSON of a runtime-spec LinuxResources. Errors have containerd's
 * class, Unknown: for a container that has ended, for what is no such JSON, for limits that the kernel refuses.
 */
export function update(shim: Shim, container: Container, request: UpdateTaskRequest): Promise<void> {
  const { id, bundle, runtime, init } = container;
  return inTurn(init, async () => {
    if (init.status === Status.STOPPED) {
      throw new CtrError(Code.Unknown, `cannot update a stopped container: ${id}`);
    }
    const file = `${bundle}/resources.json`;
    await Deno.writeTextFile(file, resourcesOf(request), { mode: 0o600 });
    try {
      const args = ["update", "--resources", file, id];
      await runRunc(shim.reaper, runtime, { args, log: `${bundle}/log.json` });
    } finally {
      await Deno.remove(file);
    }
  });
}

function resourcesOf({ id, resources }: UpdateTaskRequest): string {
  if (!resources) throw invalidArgument(`update of container ${id} names no resources`);
  const text = new TextDecoder().decode(resources.value);
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw new CtrError(Code.Unknown, `resources for container ${id}: ${messageOf(error)}`, { cause: error });
  }
}

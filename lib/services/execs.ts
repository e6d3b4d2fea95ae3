/** longshore.services.execs.v1.Execs, this daemon's own: a process in a container from its start to its end. */
import { ExecsDefinition } from "../api/services/execs/v1/execs.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import { type ExecRooms, runExec, type TaskManager } from "../runtime/mod.ts";

export function execsService(rooms: ExecRooms & { readonly tasks: Pick<TaskManager, "closeIO"> }): Service {
  return service(ExecsDefinition, {
    run: (request, context) => runExec(rooms, requireNamespace(context), request, context.signal),
    async closeInput(name, context) {
      await rooms.tasks.closeIO(requireNamespace(context), { ...name, stdin: true }, context);
      return {};
    },
  });
}

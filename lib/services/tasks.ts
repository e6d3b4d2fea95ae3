/** containerd.services.tasks.v1.Tasks over the task manager. */
import type { Empty } from "../api/google/protobuf/empty.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { parseFilters } from "../filters/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type CallContext, type Service, service } from "../rpc/service.ts";
import type { TaskCallOptions, TaskManager, TaskPlace } from "../runtime/mod.ts";
import type { Scope } from "../scope.ts";

/** The tasks service. */
export function tasksService(tasks: TaskManager): Service {
  return service(TasksDefinition, {
    create: (request, context) => tasks.create(requireNamespace(context), request, context),
    start: (request, context) => tasks.start(requireNamespace(context), request, context),
    delete: (request, context) => tasks.delete(requireNamespace(context), request, context),
    deleteProcess: (request, context) => tasks.deleteProcess(requireNamespace(context), request, context),
    get: (request, context) => tasks.get(requireNamespace(context), request, context),
    list: (request, context) => tasks.list(requireNamespace(context), request, context),
    wait: (request, context) => tasks.wait(requireNamespace(context), request, context),
    listPids: (request, context) => tasks.pids(requireNamespace(context), request, context),
    checkpoint: async (request, context) => ({
      descriptors: await tasks.checkpoint(requireNamespace(context), request, context),
    }),
    metrics: async ({ filters }, context) => {
      const { namespace } = requireNamespace(context);
      const wanted = parseFilters(filters);
      const { signal } = context;
      const found = await tasks.stats(
        (task) => task.namespace === namespace && wanted((path) => fieldOf(task, path)),
        { signal },
      );
      return { metrics: found.map(({ id, timestamp, data }) => ({ id, timestamp, data })) };
    },
    update: done((scope, request, options) => tasks.update(scope, request, options)),
    kill: done((scope, request, options) => tasks.kill(scope, request, options)),
    exec: done((scope, request, options) => tasks.exec(scope, request, options)),
    closeIO: done((scope, request, options) => tasks.closeIO(scope, request, options)),
    resizePty: done((scope, request, options) => tasks.resize(scope, request, options)),
    pause: done((scope, request, options) => tasks.pause(scope, request, options)),
    resume: done((scope, request, options) => tasks.resume(scope, request, options)),
  });
}

/** What filters see of a task. */
function fieldOf(task: TaskPlace, [name]: string[]): string | undefined {
  // containerd knows the name of the third field, too, but nothing of its value.
  return name === "id" || name === "namespace" ? task[name] : name === "runtime" ? "" : undefined;
}

type Change<T> = (scope: Scope, request: T, options: TaskCallOptions) => Promise<void>;

/** A handler that answers with an empty message. */
function done<T>(change: Change<T>): (request: T, context: CallContext) => Promise<Empty> {
  return async (request, context) => {
    await change(requireNamespace(context), request, context);
    return {};
  };
}

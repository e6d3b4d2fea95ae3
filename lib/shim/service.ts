/** The shim's face: containerd's task service, versions 2 and 3, over its operations. */
import { TaskDefinition as TaskV2 } from "../api/runtime/task/v2/shim.ts";
import { type StateResponse, TaskDefinition as TaskV3 } from "../api/runtime/task/v3/shim.ts";
import { ProcessDetails } from "../api/types/runc/options/oci.ts";
import { type ProcessInfo, Status } from "../api/types/task/task.ts";
import { failedPrecondition } from "../errors.ts";
import { anyOf } from "../rpc/any.ts";
import { type CallContext, type Service, service, type ServiceImpl } from "../rpc/service.ts";
import { checkpoint } from "./checkpoint.ts";
import { processesIn, readFootprint } from "./cgroup.ts";
import { type Container, type Process, processOf, untilEnded } from "./container.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { exec } from "./exec.ts";
import type { Shim } from "./shim.ts";
import { pause, resume, signal } from "./signal.ts";
import { start } from "./start.ts";
import { stats } from "./stats.ts";
import { update } from "./update.ts";

/** Both versions; their messages are the same. `own`: the namespace of calls that name none. */
export function taskServices(shim: Shim, own = ""): Service[] {
  const impl = taskImpl(shim, own);
  return [service(TaskV2, impl), service(TaskV3, impl)];
}

function taskImpl(shim: Shim, own: string): ServiceImpl<typeof TaskV3> {
  const namespaceOf = ({ namespace }: CallContext) => {
    if (namespace || own) return namespace || own;
    throw failedPrecondition("namespace is required");
  };
  const find = (id: string, context: CallContext) => shim.containers.get(namespaceOf(context), id);
  return {
    create: async (request, context) => ({ pid: await create(shim, namespaceOf(context), request) }),
    start: async ({ id, execId }, context) => {
      const container = find(id, context);
      return { pid: await start(shim, container, processOf(container, execId)) };
    },
    delete: async ({ id, execId }, context) => {
      const container = find(id, context);
      const process = processOf(container, execId);
      await remove(shim, container, process);
      return { pid: process.pid, exitStatus: process.exitCode, exitedAt: process.exitedAt };
    },
    exec: async ({ id, ...request }, context) => {
      await exec(shim, find(id, context), { id, ...request });
      return {};
    },
    kill: async ({ id, execId, signal: number, all: everyone }, context) => {
      const container = find(id, context);
      await signal(shim, container, processOf(container, execId), { number, everyone });
      return {};
    },
    wait: async ({ id, execId }, context) => {
      const process = processOf(find(id, context), execId);
      await untilEnded(process, context.signal);
      return { exitStatus: process.exitCode, exitedAt: process.exitedAt };
    },
    state: async ({ id, execId }, context) => {
      await shim.containers.settled(namespaceOf(context), id);
      const container = find(id, context);
      return stateOf(container, processOf(container, execId));
    },
    pids: async ({ id }, context) => ({ processes: await list(find(id, context)) }),
    closeIO: async ({ id, execId, stdin }, context) => {
      // A client's input may have ended before the container is there: its pipe opens while that is made.
      await shim.containers.settled(namespaceOf(context), id);
      const process = await processOf(find(id, context), execId);
      if (stdin) process.stdio?.closeStdin();
      return {};
    },
    resizePty: async ({ id, execId, width, height }, context) => {
      const process = await processOf(find(id, context), execId);
      if (execId && process.status === Status.STOPPED) {
        throw failedPrecondition("cannot resize a stopped process");
      }
      process.stdio?.resize({ width, height });
      return {};
    },
    pause: async ({ id }, context) => {
      await pause(shim, find(id, context));
      return {};
    },
    resume: async ({ id }, context) => {
      await resume(shim, find(id, context));
      return {};
    },
    checkpoint: async (request, context) => {
      await checkpoint(shim, find(request.id, context), request);
      return {};
    },
    stats: async ({ id }, context) => ({ stats: await stats(find(id, context)) }),
    update: async (request, context) => {
      await update(shim, find(request.id, context), request);
      return {};
    },
    connect: async ({ id }, context) => {
      const { init } = await find(id, context);
      return { shimPid: Deno.pid, taskPid: init.pid, version: "" };
    },
    shutdown: async () => {
      // It serves other containers too, so it goes only when it has none.
      if (shim.containers.size === 0) await shim.quit();
      return {};
    },
  };
}

function stateOf(container: Container, process: Process): StateResponse {
  return {
    id: container.id,
    bundle: container.bundle,
    pid: process.pid,
    status: process.status,
    ...process.paths,
    exitStatus: process.exitCode,
    exitedAt: process.exitedAt,
    execId: process.execId,
  };
}

async function list(container: Container): Promise<ProcessInfo[]> {
  const footprint = readFootprint(container.runtime.root, container.id);
  const execs = new Map([...container.execs.values()].map((process) => [process.pid, process.execId]));
  return (footprint ? await processesIn(footprint) : []).map((pid) => {
    const execId = execs.get(pid);
    const info = execId === undefined
      ? undefined
      : anyOf("containerd.runc.v1.ProcessDetails", ProcessDetails, { execId });
    return { pid, info };
  });
}

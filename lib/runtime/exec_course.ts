/** The course of an exec: its start and its end, as its shim tells of them. */
import type { ExecProcessRequest } from "../api/runtime/task/v3/shim.ts";
import type { ExecResponse } from "../api/shim/v1/shim.ts";
import { Code, isError } from "../errors.ts";
import type { ShimKind, TaskPlace, TaskStub } from "./shim.ts";

/** How a task's shim is asked. */
export interface ShimCalls {
  readonly task: TaskPlace;
  readonly exec: ShimKind["exec"];
  call<R>(request: (stub: TaskStub) => Promise<R>, options?: { repeat?: boolean }): Promise<R>;
}

/** Adds the exec and starts it. One that can't be started is not there any more. */
export async function* execCourse(
  { task, exec, call }: ShimCalls,
  request: ExecProcessRequest,
  signal: AbortSignal,
): AsyncGenerator<ExecResponse> {
  const name = { id: request.id, execId: request.execId };
  let told = false;
  try {
    for await (const news of exec?.(task, request, { signal }) ?? []) {
      yield news;
      if (news.ended !== undefined) return;
      told = true;
    }
  } catch (error) {
    // The shim may be of an earlier version, which has no such call; or it has died, and another waits in its place.
    if (!isError(error, told ? Code.Unavailable : Code.Unimplemented)) throw error;
  }
  if (!told) yield { started: await startByCalls(call, request) };
  const { exitStatus } = await call((stub) => stub.wait(name, { signal }), { repeat: true });
  yield { ended: exitStatus };
}

/** As containerd's shims have it. */
async function startByCalls(call: ShimCalls["call"], request: ExecProcessRequest): Promise<number> {
  const name = { id: request.id, execId: request.execId };
  await call((stub) => stub.exec(request));
  try {
    return (await call((stub) => stub.start(name))).pid;
  } catch (error) {
    await call((stub) => stub.delete(name)).catch(() => {});
    throw error;
  }
}

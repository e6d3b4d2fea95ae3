/** How the task manager sees a shim: somebody who serves containerd's task service for a container. */
import type { ExecProcessRequest, TaskDefinition } from "../api/runtime/task/v3/shim.ts";
import type { ExecResponse } from "../api/shim/v1/shim.ts";
import type { CallOptions, Stub } from "../rpc/service.ts";

/** The task service of a shim. */
export type TaskStub = Stub<typeof TaskDefinition>;

/**
 * A kind of shim. `call` runs a request on the shim that serves a task; a request that asks only (`repeat`) is
 * made again on the shim's successor, where a kind has such, when the shim dies under it.
 */
export interface ShimKind extends AsyncDisposable {
  call<R>(
    task: TaskPlace,
    request: (stub: TaskStub) => Promise<R>,
    options?: { repeat?: boolean },
  ): Promise<R>;
  /** Adds an exec and starts it by one call, which shims of other programs don't have. */
  exec?(task: TaskPlace, request: ExecProcessRequest, options: CallOptions): AsyncIterable<ExecResponse>;
}

/** Whose task it is, and where. */
export interface TaskPlace {
  readonly namespace: string;
  readonly id: string;
  readonly bundle: string;
}

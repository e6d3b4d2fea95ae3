/** Stats: what a container uses. */
import type { Any } from "../api/google/protobuf/any.ts";
import { Status } from "../api/types/task/task.ts";
import { type Cgroup, locateCgroup, readMetrics } from "../cgroups/mod.ts";
import { CtrError, notFound } from "../errors.ts";
import type { Container } from "./container.ts";

/** Milliseconds of reading after which exits and streams get their turn. */
const SLICE = 4;

let turn: Promise<unknown> = Promise.resolve();
let sliceEnds = 0;

/** The metrics of its cgroup, also of a container that has ended. Throws NotFound if it has none. */
export function stats(container: Container): Promise<Any> {
  // One after another: many are asked for at once, and a cgroup is read in one go.
  const result = turn.then(pauseIfDue).then(() => read(container));
  turn = result.catch(() => {});
  return result;
}

async function pauseIfDue(): Promise<void> {
  if (performance.now() < sliceEnds) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  sliceEnds = performance.now() + SLICE;
}

async function read(container: Container): Promise<Any> {
  const cgroup = cgroupOf(container);
  if (!cgroup) throw notFound(`cgroup of container ${container.id}`);
  try {
    return await readMetrics(cgroup);
  } catch (error) {
    if (!(error instanceof CtrError)) throw error;
    throw new CtrError(error.code, `container ${container.id}: ${error.message}`, { cause: error });
  }
}

/** Where a container's resources are counted; undefined before it has a process, or if that never lived under us. */
export function cgroupOf(container: Container): Cgroup | undefined {
  const { pid, status } = container.init;
  // The pid of one that has ended may be another's by now.
  return container.cgroup ??= pid && status !== Status.STOPPED ? locateCgroup(pid) : undefined;
}

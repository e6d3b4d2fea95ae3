/** Exec: notes a further process of a container; Start runs it. */
import type { ExecProcessRequest } from "../api/runtime/task/v3/shim.ts";
import { Status } from "../api/types/task/task.ts";
import { alreadyExists, failedPrecondition, invalidArgument } from "../errors.ts";
import { type Container, newProcess, type Process } from "./container.ts";
import { beginGracePeriod } from "./grace_period.ts";
import { publish, type Shim } from "./shim.ts";
import { checkTarget } from "./output.ts";
import { Topic } from "./topics.ts";

const specs = new WeakMap<Process, Uint8Array<ArrayBuffer>>();
const identifier = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** Adds a process. Throws AlreadyExists for an exec id in use. */
export function exec(shim: Shim, container: Container, request: ExecProcessRequest): void {
  const { execId, spec, stdin, stdout, stderr, terminal } = request;
  if (!identifier.test(execId) || execId.length > 76) {
    throw invalidArgument(`exec id ${JSON.stringify(execId)}`);
  }
  if (container.execs.has(execId)) throw alreadyExists(`id ${execId}`);
  const { status } = container.init;
  if (status === Status.STOPPED || status === Status.PAUSED) {
    throw failedPrecondition(`cannot exec in a ${Status[status].toLowerCase()} state`);
  }
  if (!spec?.value.length) throw invalidArgument(`exec ${execId} has no process spec`);
  checkTarget(stdout);
  checkTarget(stderr);
  // Most are started at once.
  beginGracePeriod();
  const process = newProcess(execId, { stdin, stdout, stderr, terminal });
  specs.set(process, new Uint8Array(spec.value));
  container.execs.set(execId, process);
  publish(shim, container, Topic.execAdded, { containerId: container.id, execId });
}

/** The process.json of an exec. */
export function specOf(process: Process): Uint8Array<ArrayBuffer> {
  const spec = specs.get(process);
  if (!spec) throw failedPrecondition(`exec ${process.execId} has no process spec`);
  specs.delete(process);
  return spec;
}

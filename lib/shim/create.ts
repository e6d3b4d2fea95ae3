/** Create: mounts the root file system and has runc make the container, whose process then waits for Start. */
import type { CreateTaskRequest } from "../api/runtime/task/v3/shim.ts";
import { invalidArgument } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import { mountAll, unmountAll } from "../sys/mod.ts";
import { type Container, newProcess } from "./container.ts";
import { exited } from "./exit.ts";
import { beginGracePeriod } from "./grace_period.ts";
import { refuseUnmapped } from "./mapped_mounts.ts";
import { fileOf, noteRuntime, writeRecord } from "./record.ts";
import { runRunc } from "./runc.ts";
import { runtimeOf } from "./runtime.ts";
import { publish, type Shim } from "./shim.ts";
import { readSpecFacts } from "./spec.ts";
import { Stdio } from "./stdio.ts";
import { Topic } from "./topics.ts";

/**
 * Makes a container; gives the pid of its first process, or 0 for one from a checkpoint, which has processes only
 * once it is started. Everything is undone if a step fails.
 */
export async function create(shim: Shim, namespace: string, request: CreateTaskRequest): Promise<number> {
  if (!request.bundle.startsWith("/")) throw invalidArgument(`bundle ${JSON.stringify(request.bundle)}`);
  using _hold = shim.reaper.hold();
  const container = await shim.containers.add(namespace, request.id, () => make(shim, namespace, request));
  const { init, bundle } = container;
  publish(shim, container, Topic.create, {
    containerId: container.id,
    bundle,
    rootfs: request.rootfs,
    io: { ...init.paths },
    checkpoint: request.checkpoint,
    pid: init.pid,
  });
  if (init.pid) shim.reaper.watch(init.pid, (ended) => exited(shim, container, init, ended));
  return init.pid;
}

async function make(shim: Shim, namespace: string, request: CreateTaskRequest): Promise<Container> {
  beginGracePeriod();
  const { id, bundle, rootfs: mounts, stdin, stdout, stderr, terminal } = request;
  const runtime = runtimeOf(shim, namespace, request.options);
  const facts = readSpecFacts(bundle);
  if (facts.mappedMounts.length) await refuseUnmapped(shim.reaper, runtime, facts.mappedMounts);
  const init = newProcess("", { stdin, stdout, stderr, terminal });
  const checkpoint = request.checkpoint || undefined;
  const container = { namespace, id, bundle, runtime, mounts, facts, init, execs: new Map(), checkpoint };
  await using undo = new AsyncDisposableStack();
  if (mounts.length) {
    undo.defer(() => unmountAll(`${bundle}/rootfs`));
    mountAll(mounts, `${bundle}/rootfs`);
    faultPoint("shim.mounted");
  }
  const stdio = init.stdio = undo.use(new Stdio(init.paths, shim.state, runtime.io));
  await stdio.prepare(shim, container);
  if (checkpoint) {
    undo.move();
    return container;
  }
  if (request.options?.value.length) await noteRuntime(bundle, runtime);
  await createByRunc(shim, container, stdio);
  undo.defer(() =>
    runRunc(shim.reaper, runtime, { args: ["delete", "--force", id], log: `${bundle}/log.json` })
  );
  init.pid = Number(Deno.readTextFileSync(fileOf(container, init, "pid")));
  stdio.connect(shim.epoll);
  writeRecord(container);
  faultPoint("shim.recorded");
  undo.move();
  return container;
}

function createByRunc(shim: Shim, container: Container, stdio: Stdio): Promise<void> {
  const { id, bundle, runtime, init } = container;
  const args = ["create", "--bundle", bundle, "--pid-file", fileOf(container, init, "pid")];
  if (runtime.noPivotRoot) args.push("--no-pivot");
  if (runtime.noNewKeyring) args.push("--no-new-keyring");
  return runRunc(shim.reaper, runtime, {
    args: [...args, ...stdio.runcArgs, id],
    log: `${bundle}/log.json`,
    descriptors: stdio.descriptors,
  });
}

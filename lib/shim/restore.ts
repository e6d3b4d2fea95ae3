/** A container from a checkpoint: Create only prepares it, Start has CRIU, called by runc, bring it back to life. */
import { Status } from "../api/types/task/task.ts";
import { withReason } from "./checkpoint.ts";
import type { Container } from "./container.ts";
import { exited } from "./exit.ts";
import { hearOom } from "./oom.ts";
import { fileOf, writeRecord } from "./record.ts";
import { runRunc } from "./runc.ts";
import type { Shim } from "./shim.ts";

/** Starts the container's processes where they were. Their streams are the new ones. */
export async function restore(shim: Shim, container: Container, checkpoint: string): Promise<void> {
  const { id, bundle, runtime, init } = container;
  const stdio = init.stdio!;
  const work = runtime.criuWorkPath ?? `${bundle}/criu`;
  const pidFile = fileOf(container, init, "pid");
  await Deno.mkdir(work, { recursive: true, mode: 0o700 });
  const args = ["restore", "--detach", "--bundle", bundle, "--pid-file", pidFile];
  args.push("--image-path", checkpoint, "--work-path", work);
  if (runtime.noPivotRoot) args.push("--no-pivot");
  try {
    await runRunc(shim.reaper, runtime, {
      args: [...args, ...stdio.runcArgs, id],
      log: `${bundle}/log.json`,
      descriptors: stdio.descriptors,
    });
  } catch (error) {
    throw await withReason(error, `${work}/restore.log`);
  }
  init.pid = Number(Deno.readTextFileSync(pidFile));
  hearOom(shim, container);
  stdio.connect(shim.epoll);
  init.status = Status.RUNNING;
  shim.reaper.watch(init.pid, (ended) => exited(shim, container, init, ended));
  writeRecord(container);
}

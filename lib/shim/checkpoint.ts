/** Checkpoint: CRIU, called by runc, writes a container's processes into files from which they can go on later. */
import type { Any } from "../api/google/protobuf/any.ts";
import type { CheckpointTaskRequest } from "../api/runtime/task/v3/shim.ts";
import { CheckpointOptions } from "../api/types/runc/options/oci.ts";
import { Status } from "../api/types/task/task.ts";
import { CtrError, failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { nameOf } from "../rpc/any.ts";
import { type Container, inTurn } from "./container.ts";
import { runRunc } from "./runc.ts";
import { publish, type Shim } from "./shim.ts";
import { Topic } from "./topics.ts";

const OPTIONS = "containerd.runc.v1.CheckpointOptions";

/** Writes the container into the directory `path`; it goes on unless the options say `exit`. */
export function checkpoint(
  shim: Shim,
  container: Container,
  { path, options: any }: CheckpointTaskRequest,
): Promise<void> {
  return inTurn(container.init, async () => {
    const { status } = container.init;
    if (status !== Status.RUNNING && status !== Status.PAUSED) {
      throw failedPrecondition("cannot checkpoint a container that is not running");
    }
    if (!path.startsWith("/")) throw invalidArgument(`checkpoint path ${JSON.stringify(path)}`);
    await dump(shim, container, path, decode(any));
    publish(shim, container, Topic.checkpointed, { containerId: container.id, checkpoint: path });
  });
}

function decode(any: Any | undefined): CheckpointOptions {
  if (any?.typeUrl && nameOf(any.typeUrl) !== OPTIONS) {
    throw invalidArgument(`checkpoint options are ${any.typeUrl}, not ${OPTIONS}`);
  }
  return CheckpointOptions.decode(any?.value ?? new Uint8Array());
}

async function dump(
  shim: Shim,
  container: Container,
  path: string,
  options: CheckpointOptions,
): Promise<void> {
  const { id, bundle, runtime } = container;
  const work = options.workPath || runtime.criuWorkPath || `${bundle}/criu`;
  await Deno.mkdir(work, { recursive: true, mode: 0o700 });
  const args = ["checkpoint", "--image-path", path, "--work-path", work, ...flagsOf(options), id];
  try {
    await runRunc(shim.reaper, runtime, { args, log: `${bundle}/log.json` });
  } catch (error) {
    throw await withReason(error, `${work}/dump.log`);
  }
}

function flagsOf(options: CheckpointOptions): string[] {
  const flags = options.emptyNamespaces.flatMap((name) => ["--empty-ns", name]);
  if (!options.exit) flags.push("--leave-running");
  if (options.openTcp) flags.push("--tcp-established");
  if (options.externalUnixSockets) flags.push("--ext-unix-sk");
  if (options.terminal) flags.push("--shell-job");
  if (options.fileLocks) flags.push("--file-locks");
  if (options.cgroupsMode) flags.push("--manage-cgroups-mode", options.cgroupsMode);
  return flags;
}

/** What runc says, and the line of CRIU's own log that says why. */
export async function withReason(error: unknown, log: string): Promise<CtrError> {
  const text = await Deno.readTextFile(log).catch(() => "");
  const line = text.split("\n").find((line) => /\bError \(/.test(line))?.replace(/^\(\d+\.\d+\)\s*/, "");
  const said = messageOf(error);
  const missing = /criu.*(executable file not found|no such file)/.test(said);
  const advice = missing ? "; install criu (4.0 or newer for kernels from 6.13 on)" : "";
  const code = error instanceof CtrError ? error.code : 2;
  return new CtrError(code, `${said}${line ? ` (criu: ${line.trim()})` : ""}${advice}`, { cause: error });
}

/** Checkpoints of tasks on their way between a shim, which has directories, and content. */
import type { Any } from "../api/google/protobuf/any.ts";
import type { CreateTaskRequest } from "../api/services/tasks/v1/tasks.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { CheckpointOptions, Options } from "../api/types/runc/options/oci.ts";
import type { Scope } from "../scope.ts";
import type { TaskPlace } from "./shim.ts";

/** A task's processes as content: CRIU's files. */
export interface Checkpoints {
  /** Stores the files of a directory; gives what the blob is. */
  pack(scope: Scope, dir: string, signal?: AbortSignal): Promise<Descriptor>;
  /** Puts them into an empty directory. Throws InvalidArgument for a blob of another kind, NotFound without it. */
  unpack(scope: Scope, checkpoint: Descriptor, dir: string, signal?: AbortSignal): Promise<void>;
  /** Stores a container's spec. */
  packSpec(scope: Scope, spec: Any): Promise<Descriptor>;
}

/** A checkpoint that is asked for. */
interface Asked {
  /** The daemon's state directory. */
  readonly state: string;
  readonly spec: Any;
  readonly options: Any | undefined;
  /** Has the shim write a task's processes into a directory. */
  readonly dump: (dir: string) => Promise<unknown>;
  readonly signal?: AbortSignal;
}

/** Writes a task into the directory that its options name, or else into content: the descriptors tell of that. */
export async function storeCheckpoint(
  checkpoints: Checkpoints,
  scope: Scope,
  { state, spec, options, dump, signal }: Asked,
): Promise<Descriptor[]> {
  const asked = options?.typeUrl ? CheckpointOptions.decode(options.value).imagePath : "";
  if (asked) {
    await Deno.mkdir(asked, { recursive: true, mode: 0o700 });
    await dump(asked);
    return [];
  }
  const dir = await makeStage(state);
  try {
    await dump(dir);
    return [await checkpoints.pack(scope, dir, signal), await checkpoints.packSpec(scope, spec)];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * Not in the bundle: a task that ends with its checkpoint may be deleted, by whoever waits for its end, before what
 * CRIU wrote is stored.
 */
async function makeStage(state: string): Promise<string> {
  const dir = stages(state);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  return await Deno.makeTempDir({ dir });
}

const stages = (state: string) => `${state}/checkpoints`;

/** Removes what an earlier daemon left half stored. */
export async function removeStages(state: string): Promise<void> {
  await Deno.remove(stages(state), { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Where a task starts from: a directory that its options name, or one in its bundle; empty for from nothing. */
export async function unpackCheckpoint(
  checkpoints: Checkpoints,
  scope: Scope,
  { checkpoint, options }: CreateTaskRequest,
  { bundle }: TaskPlace,
  signal?: AbortSignal,
): Promise<string> {
  if (!checkpoint) return options?.typeUrl ? Options.decode(options.value).criuImagePath : "";
  const dir = `${bundle}/checkpoint`;
  await Deno.mkdir(dir, { mode: 0o700 });
  await checkpoints.unpack(scope, checkpoint, dir, signal);
  return dir;
}

/** `ctr run` */
import type { Descriptor } from "../../api/types/descriptor.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { prepareRemoval, removeContainer, removeEnded } from "../containers/remove.ts";
import { detachKeysFlag, parseDetachKeys } from "../process/detach_keys.ts";
import { createContainer, namedIn } from "./create.ts";
import { checkLogFlags } from "./log.ts";
import { checkNetworkFlags, checkNetworkHere } from "./network.ts";
import { checkRestartFlags } from "./restart.ts";
import { type Started, startTask } from "./start.ts";

export async function run(call: Call): Promise<number> {
  const { flags } = call;
  namedIn(call);
  if (flags.on("rm") && flags.on("detach")) {
    throw usageError("flags --detach and --rm cannot be specified together");
  }
  checkLogFlags(flags);
  checkRestartFlags(flags);
  parseDetachKeys(flags.text(detachKeysFlag.name));
  await checkNetworkFlags(flags);
  await checkNetworkHere(flags);
  await using daemon = await connect(call);
  const checkpoint = await checkpointOf(daemon, flags.text("checkpoint"));
  const meanwhile = flags.on("rm") ? prepareRemoval : undefined;
  const container = { ...await createContainer(daemon, call), checkpoint, meanwhile };
  if (!flags.on("rm")) return (await startTask(daemon, call, container)).code;
  let started: Started;
  try {
    started = await startTask(daemon, call, container);
  } catch (error) {
    // In a pipeline that has ended it would run on for nobody.
    if (error instanceof Deno.errors.BrokenPipe) await kill(daemon, container.id);
    // What went wrong first is what to tell.
    await removeContainer(daemon, container.id, { snapshot: "remove", force: true }).catch(() => {});
    throw error;
  }
  if (!started.runs) await removeEnded(daemon, container);
  return started.code;
}

async function kill(daemon: Daemon, id: string): Promise<void> {
  const { stopTask } = await import("../../client/stop.ts");
  await stopTask(daemon, id, { patience: 0 }).catch(() => {});
}

async function checkpointOf(daemon: Daemon, name: string): Promise<Descriptor | undefined> {
  if (!name) return undefined;
  const { ImagesDefinition } = await import("../../api/services/images/v1/images.ts");
  const { Image } = await import("../../client/image.ts");
  const { taskIn } = await import("../../client/restore.ts");
  const { image } = await daemon.stub(ImagesDefinition).get({ name });
  return await taskIn(daemon, new Image(daemon, image!));
}

/** `ctr run` */
import { requiredTwo } from "../arguments.ts";
import type { Descriptor } from "../../api/types/descriptor.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { removeContainer, removeEnded } from "../containers/remove.ts";
import { createContainer } from "./create.ts";
import { checkLogFlags } from "./log.ts";
import { checkRestartFlags } from "./restart.ts";
import { startTask } from "./start.ts";

export async function run(call: Call): Promise<number> {
  const { flags } = call;
  requiredTwo(call, "an image (or, with --rootfs, a directory)", "a container id");
  if (flags.on("rm") && flags.on("detach")) {
    throw usageError("flags --detach and --rm cannot be specified together");
  }
  checkLogFlags(flags);
  checkRestartFlags(flags);
  await using daemon = await connect(call);
  const checkpoint = await checkpointOf(daemon, flags.text("checkpoint"));
  const container = { ...await createContainer(daemon, call), checkpoint };
  if (!flags.on("rm")) return await startTask(daemon, call, container);
  let code: number;
  try {
    code = await startTask(daemon, call, container);
  } catch (error) {
    // What went wrong first is what to tell.
    await removeContainer(daemon, container.id, { snapshot: "remove" }).catch(() => {});
    throw error;
  }
  await removeEnded(daemon, container);
  return code;
}

async function checkpointOf(daemon: Daemon, name: string): Promise<Descriptor | undefined> {
  if (!name) return undefined;
  const { ImagesDefinition } = await import("../../api/services/images/v1/images.ts");
  const { Image } = await import("../../client/image.ts");
  const { taskIn } = await import("../../client/restore.ts");
  const { image } = await daemon.stub(ImagesDefinition).get({ name });
  return await taskIn(daemon, new Image(daemon, image!));
}

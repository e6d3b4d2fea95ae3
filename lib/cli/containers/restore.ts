/** `ctr containers restore` */
import { ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Image } from "../../client/image.ts";
import { failedPrecondition } from "../../errors.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { removeContainer } from "./remove.ts";

export async function run(call: Call): Promise<void> {
  const { flags } = call;
  const [id, name] = requiredTwo(call, "a container id", "the name of a checkpoint");
  await using daemon = await connect(call);
  const { image } = await daemon.stub(ImagesDefinition).get({ name });
  const { restoreFrom } = await import("../../client/restore.ts");
  const options = { rw: flags.on("rw"), devices: flags.list("device"), trusted: flags.on("trust") };
  const checkpoint = await restoreFrom(daemon, id, new Image(daemon, image!), options);
  try {
    if (flags.on("live") && !checkpoint) {
      throw failedPrecondition(`${name} has no running task: make it with --task`);
    }
    const { Container } = await import("../../client/container.ts");
    const task = await new Container(daemon, id).newTask(undefined, flags.on("live") ? { checkpoint } : {});
    await task.start();
  } catch (error) {
    // What went wrong first is what to tell.
    await removeContainer(daemon, id, { snapshot: "remove" }).catch(() => {});
    throw error;
  }
}

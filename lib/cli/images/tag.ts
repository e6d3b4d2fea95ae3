/** `ctr images tag` */
import { Image, ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Code, isError } from "../../errors.ts";
import { complete } from "../../rpc/service.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";
import { findImage } from "./lookup.ts";

export async function run(call: Call): Promise<void> {
  const [source, ...targets] = requiredTwo(call, "a source reference", "a target reference");
  await using daemon = await connect(call);
  const images = daemon.stub(ImagesDefinition);
  const { target, labels } = await findImage(daemon, source);
  await forEach(targets, async (name) => {
    const image = complete(Image, { name, target, labels });
    try {
      await images.create({ image });
    } catch (error) {
      if (!call.flags.on("force") || !isError(error, Code.AlreadyExists)) throw error;
      await images.update({ image });
    }
    print(name + "\n");
  });
}

/** `ctr images prune` */
import { ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Code, isError } from "../../errors.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  if (!call.flags.on("all")) {
    throw usageError("no image is removed without --all, which takes those not in use");
  }
  await using daemon = await connect(call);
  const service = daemon.stub(ImagesDefinition);
  const { images } = await service.list({});
  const { containers } = await daemon.stub(ContainersDefinition).list({});
  const used = new Set(containers.map(({ image }) => image));
  const unused = images.map(({ name }) => name).filter((name) => !used.has(name));
  for (const name of unused) {
    try {
      // Only the last one waits for the collector: it collects what all of them held.
      await service.delete({ name, sync: name === unused.at(-1) });
    } catch (error) {
      if (!isError(error, Code.NotFound)) throw error;
      continue;
    }
    print(name + "\n");
  }
}

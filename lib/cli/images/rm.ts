/** `ctr images rm` */
import { ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { complain, print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const names = required(call, "an image reference");
  await using daemon = await connect(call);
  const images = daemon.stub(ImagesDefinition);
  await forEach(names, async (name) => {
    try {
      // Only the last one waits for the collector: it collects what all of them held.
      await images.delete({ name, sync: call.flags.on("sync") && name === names.at(-1) });
    } catch (error) {
      if (!isError(error, Code.NotFound)) throw error;
      return complain(`${name}: image not found`);
    }
    print(name + "\n");
  });
}

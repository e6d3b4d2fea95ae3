/** `ctr content rm` */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";
import { parseDigest } from "./digest.ts";

export async function run(call: Call): Promise<void> {
  const digests = required(call, "a digest");
  await using daemon = await connect(call);
  const content = daemon.stub(ContentDefinition);
  await forEach(digests, async (digest) => {
    try {
      await content.delete({ digest: parseDigest(digest) });
    } catch (error) {
      if (isError(error, Code.NotFound)) return;
      throw error;
    }
    print(digest + "\n");
  });
}

/** `ctr content get` */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { writeAll } from "../output/print.ts";
import { parseDigest } from "./digest.ts";

export async function run(call: Call): Promise<void> {
  const digests = required(call, "a digest").map(parseDigest);
  await using daemon = await connect(call);
  const content = daemon.stub(ContentDefinition);
  for (const digest of digests) {
    for await (const { data } of content.read({ digest })) writeAll(Deno.stdout, data);
  }
}

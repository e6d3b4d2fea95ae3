/** `ctr content fetch-blob` */
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseDigest } from "./digest.ts";
import { repositoryOf } from "./registry.ts";
import { printBlob } from "./verified.ts";

export async function run(call: Call): Promise<void> {
  const [name, ...digests] = requiredTwo(call, "a repository", "a digest");
  const wanted = digests.map(parseDigest);
  await using daemon = await connect(call);
  await using repository = await repositoryOf(daemon, call.flags, name);
  for (const digest of wanted) await printBlob(repository.remote(), digest, call.globals.signal);
}

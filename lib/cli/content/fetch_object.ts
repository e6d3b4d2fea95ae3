/** `ctr content fetch-object` */
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { writeAll } from "../output/print.ts";
import { connect } from "../connect.ts";
import { parseDigest } from "./digest.ts";
import { type Repository, repositoryOf } from "./registry.ts";
import { printBlob } from "./verified.ts";

export async function run(call: Call): Promise<void> {
  const [name, object] = required(call, "an image reference");
  const digest = object && parseDigest(object);
  await using daemon = await connect(call);
  await using repository = await repositoryOf(daemon, call.flags, name);
  const { signal } = call.globals;
  if (!digest) return await printDocument(repository, undefined, signal);
  try {
    // Registries that keep manifests with the blobs fail when a blob is asked for as a manifest.
    await printBlob(repository.remote(), digest, signal);
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
    await printDocument(repository, digest, signal);
  }
}

/** A manifest or index: the one of the reference unless a digest is given. */
async function printDocument(
  repository: Repository,
  digest: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const remote = repository.remote(digest);
  writeAll(Deno.stdout, await remote.fetch(await remote.resolve(signal), signal));
}

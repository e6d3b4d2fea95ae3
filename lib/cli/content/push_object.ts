/** `ctr content push-object` */
import { ContentClient } from "../../client/content.ts";
import { isIndexType, isManifestType } from "../../images/mod.ts";
import { LARGEST_MANIFEST } from "../../remotes/mod.ts";
import { requiredTwo } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { parseDigest } from "./digest.ts";
import { repositoryOf } from "./registry.ts";

export async function run(call: Call): Promise<void> {
  const [name, object, mediaType] = requiredTwo(call, "a repository", "a digest");
  if (!mediaType) throw usageError("please provide the media type of the object");
  const digest = parseDigest(object);
  await using daemon = await connect(call);
  await using repository = await repositoryOf(daemon, call.flags, name);
  const pusher = repository.pusher();
  const content = new ContentClient(daemon);
  const { signal } = call.globals;
  const target = { mediaType, digest, size: Number((await content.info(digest)).size) };
  if (isManifestType(mediaType) || isIndexType(mediaType)) {
    const bytes = await content.readAll(undefined, digest, LARGEST_MANIFEST);
    await pusher.putManifest(target, bytes, pusher.reference.tag || digest, signal);
  } else {
    const read = (offset: number, size: number) => content.read(digest, { offset, size });
    await pusher.pushBlob(target, { read }, { signal });
  }
  print(`Pushed ${digest} ${mediaType}\n`);
}

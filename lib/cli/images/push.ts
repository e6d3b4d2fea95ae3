/** `ctr images push` */
import type { Progress } from "../../api/types/transfer/progress.ts";
import type { LocalPushOptions } from "../../client/push_by_client.ts";
import { type Push, transferPush } from "../../client/transfer_push.ts";
import { Code, isError } from "../../errors.ts";
import { type Call, type Flags, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { parsePlatform } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { showProgress } from "../output/progress.ts";
import { findImage } from "./lookup.ts";
import { type OpenAccess, registryAccess } from "../registry/access.ts";
import { canonicalReference } from "./reference.ts";

export async function run(call: Call): Promise<void> {
  const { flags, args: [remote, name] } = call;
  if (!remote) throw usageError("please provide a remote image reference to push");
  const local = localOptions(flags);
  const reference = await canonicalReference(remote);
  if (reference !== remote) print(`${remote} is ${reference}\n`);
  await using daemon = await connect(call);
  await using access = await registryAccess(daemon, flags, reference);
  const push = {
    ...access,
    // What is pushed by its digest needs no name.
    image: local.manifest ? local.manifest.digest : (await findImage(daemon, name ?? remote)).name,
    platforms: flags.list("platform").map(parsePlatform),
    allPlatforms: flags.on("all-platforms"),
  };
  const skipped: string[] = [];
  using progress = showProgress();
  await pushImage(daemon, push, flags.on("local") || Object.keys(local).length > 0, local, (update) => {
    if (update.event === "skipped") skipped.push(update.name);
    progress.update(update);
  });
  progress.finish();
  if (skipped.length > 0) print(skippedText(skipped, push.image));
}

const skippedText = (skipped: string[], image: string) =>
  `not here, so not pushed: ${skipped.join(", ")}\n` +
  `to push all platforms, fetch them first: ctr images pull --all-platforms ${image}\n`;

async function pushImage(
  daemon: Daemon,
  push: Push & Pick<OpenAccess, "ownDirs">,
  isLocal: boolean,
  local: LocalPushOptions,
  onProgress: (update: Progress) => void,
): Promise<void> {
  try {
    if (!isLocal) return await transferPush(daemon, push, onProgress, daemon.globals.signal);
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
  }
  const { pushByClient } = await import("../../client/push_by_client.ts");
  await pushByClient(daemon, push, { ...local, onProgress, signal: daemon.globals.signal });
}

/** What the Transfer service has no words for: then the bytes go through us. */
function localOptions(flags: Flags): LocalPushOptions {
  const uploads = flags.text("max-concurrent-uploaded-layers") || "0";
  if (!/^\d+$/.test(uploads)) {
    throw usageError(`--max-concurrent-uploaded-layers: ${JSON.stringify(uploads)} is not a number`);
  }
  const digest = flags.text("manifest");
  const mediaType = flags.text("manifest-type");
  return {
    ...digest && { manifest: { digest, mediaType } },
    ...flags.on("allow-non-distributable-blobs") && { foreign: true },
    ...Number(uploads) && { maxConcurrentUploads: Number(uploads) },
  };
}

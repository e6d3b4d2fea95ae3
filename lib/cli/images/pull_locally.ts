/** Pulling past a Transfer service, which containerd before 1.7 has not: the client library fetches. */
import type { Progress } from "../../api/types/transfer/progress.ts";
import { type LocalPullOptions, pullByClient } from "../../client/pull_by_client.ts";
import { unimplemented } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { platformText } from "../output/platforms.ts";
import type { Pull } from "../../client/transfer.ts";

/**
 * Pulls one platform's image through this process, `lanes` layers at a time (0 for all at once). Throws Unimplemented
 * for what only Transfer offers.
 */
export async function pullLocally(
  daemon: Daemon,
  pull: Pull & Pick<LocalPullOptions, "ownDirs">,
  onProgress: (update: Progress) => void,
  lanes = 0,
): Promise<void> {
  if (pull.everyPlatform || pull.allMetadata || pull.platforms.length > 1 || pull.discardUnpackedLayers) {
    throw unimplemented(
      "without a Transfer service only one platform is pulled, with all its layers",
    );
  }
  const [platform] = pull.platforms;
  await pullByClient(daemon, pull.reference, {
    platform: platform && platformText(platform),
    unpack: pull.snapshotter ?? false,
    credentials: pull.credentials,
    plainHttp: pull.plainHttp,
    hostsDir: pull.hostsDir,
    ownDirs: pull.ownDirs,
    log: pull.log,
    labels: pull.labels,
    maxConcurrentDownloads: lanes,
    onProgress,
    signal: daemon.globals.signal,
  });
}

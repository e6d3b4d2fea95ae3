/** Pulling for a daemon without a Transfer service, containerd before 1.7 say: the client library fetches. */
import type { Progress } from "../../api/types/transfer/progress.ts";
import { Client } from "../../client/mod.ts";
import { unimplemented } from "../../errors.ts";
import type { Daemon } from "../connect.ts";
import { platformText } from "../output/platforms.ts";
import type { Pull } from "../../client/transfer.ts";

/** Pulls one platform's image through this process. Throws Unimplemented for what only Transfer offers. */
export async function pullLocally(
  { channel, globals }: Daemon,
  pull: Pull,
  onProgress: (update: Progress) => void,
): Promise<void> {
  if (pull.everyPlatform || pull.allMetadata || pull.platforms.length > 1) {
    throw unimplemented(
      "this daemon has no Transfer service, without which only one platform is pulled",
    );
  }
  const [platform] = pull.platforms;
  await Client.over(channel, { namespace: globals.namespace }).pull(pull.reference, {
    platform: platform && platformText(platform),
    unpack: pull.snapshotter ?? false,
    credentials: pull.credentials,
    plainHttp: pull.plainHttp,
    hostsDir: pull.hostsDir,
    log: pull.log,
    labels: pull.labels,
    onProgress,
    signal: globals.signal,
  });
}

/** Pushing an image: by the daemon where it can, by ourselves where it can't. */
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError } from "../errors.ts";
import { parsePlatform } from "../images/mod.ts";
import type { Credentials, CredentialsSource, TransferLog } from "./transfer.ts";
import type { Services } from "./services.ts";
import { type Push, transferPush } from "./transfer_push.ts";

export interface PushOptions {
  /** The image to push; the one of the reference's name unless said. */
  readonly image?: string;
  /** `os/arch/variant`; those that are there unless said. */
  readonly platforms?: readonly string[];
  /** Fail rather than leave out platforms that aren't there. */
  readonly allPlatforms?: boolean;
  /** What is known, or who knows: {@linkcode dockerCredentials} for what docker has. */
  readonly credentials?: Credentials | CredentialsSource;
  /** Speak http to the registry; registries on the loopback are spoken to so anyway. */
  readonly plainHttp?: boolean;
  /** A directory of hosts.toml files, in place of the daemon's own. */
  readonly hostsDir?: string;
  readonly log?: TransferLog;
  readonly onProgress?: (update: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Pushes under `reference` (`host/repository:tag` or `@digest`); see {@linkcode PushOptions}. */
export async function push(services: Services, reference: string, options: PushOptions): Promise<void> {
  const { image = reference, platforms = [], allPlatforms = false, credentials, plainHttp = false } = options;
  const { onProgress = () => {}, signal } = options;
  const wanted: Push = {
    reference,
    image,
    platforms: platforms.map(parsePlatform),
    allPlatforms,
    plainHttp,
    hostsDir: options.hostsDir ?? "",
    credentials,
    log: options.log,
  };
  try {
    await transferPush(services, wanted, onProgress, signal);
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
    const { pushByClient } = await import("./push_by_client.ts");
    await pushByClient(services, wanted, { onProgress, signal });
  }
}

/** Pulling an image: by the daemon where it can, by ourselves where it can't. */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError } from "../errors.ts";
import { defaultPlatform, parsePlatform } from "../images/mod.ts";
import { Image } from "./image.ts";
import type { Services } from "./services.ts";
import { type Credentials, type CredentialsSource, type TransferLog, transferPull } from "./transfer.ts";

export type { Credentials, CredentialsSource, TransferLog } from "./transfer.ts";

export interface PullOptions {
  /** `os/arch/variant`; the host's unless said. */
  readonly platform?: string;
  /** Where its layers are unpacked to; `false` for nowhere. */
  readonly unpack?: string | false;
  /** What is known, or who knows: {@linkcode dockerCredentials} for what docker has. */
  readonly credentials?: Credentials | CredentialsSource;
  /** Speak http to the registry; registries on the loopback are spoken to so anyway. */
  readonly plainHttp?: boolean;
  /** A directory of hosts.toml files, in place of the daemon's own. */
  readonly hostsDir?: string;
  readonly log?: TransferLog;
  readonly labels?: Record<string, string>;
  readonly onProgress?: (update: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Pulls `reference` (`host/repository:tag` or `@digest`); see {@linkcode PullOptions}. */
export async function pull(
  services: Services,
  reference: string,
  options: PullOptions,
): Promise<Image> {
  try {
    await byDaemon(services, reference, options);
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
    const { pullByClient } = await import("./pull_by_client.ts");
    await pullByClient(services, reference, options);
  }
  const { image } = await services.stub(ImagesDefinition).get({ name: reference });
  return new Image(services, image!, options.platform);
}

function byDaemon(services: Services, reference: string, options: PullOptions): Promise<void> {
  const { platform, unpack = "overlayfs", credentials, plainHttp = false, labels = {}, signal } = options;
  const wanted = {
    reference,
    platforms: [platform ? parsePlatform(platform) : defaultPlatform()],
    everyPlatform: false,
    allMetadata: false,
    labels,
    snapshotter: unpack || undefined,
    plainHttp,
    hostsDir: options.hostsDir ?? "",
    credentials,
    log: options.log,
  };
  return transferPull(services, wanted, options.onProgress ?? (() => {}), signal);
}

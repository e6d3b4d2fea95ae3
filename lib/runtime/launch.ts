/** What a container starts from, found and made at once: an image's config, a snapshot on its layers, a user. */
import type { Mount } from "../api/types/mount.ts";
import { notFound } from "../errors.ts";
import {
  chainIds,
  defaultPlatform,
  formatPlatform,
  manifestFor,
  matches,
  parseConfig,
  parsePlatform,
} from "../images/mod.ts";
import {
  type ContentStore,
  expireLabel,
  type ImageStore,
  type LeaseStore,
  type SnapshotStore,
} from "../metadata/mod.ts";
import { type ImageConfig, type User, userOf } from "../oci/mod.ts";
import type { Scope } from "../scope.ts";

/** The stores that it is found in. */
export interface LaunchStores {
  readonly images: Pick<ImageStore, "get">;
  readonly content: ContentStore;
  readonly snapshots: Pick<SnapshotStore, "prepare" | "remove">;
  readonly leases: Pick<LeaseStore, "create" | "delete">;
}

export interface LaunchRequest {
  /** Name of the image's record. */
  readonly image: string;
  /** `OS/ARCH[/VARIANT]`; empty for this host's. */
  readonly platform: string;
  readonly snapshotter: string;
  /** The new snapshot. */
  readonly key: string;
  readonly labels: Record<string, string>;
  /** Empty for the image's. */
  readonly user: string;
}

export interface Launch {
  readonly imageLabels: Record<string, string>;
  /** The image's config document. */
  readonly config: Uint8Array<ArrayBuffer>;
  /** Of the new snapshot. */
  readonly mounts: Mount[];
  readonly user: User;
  /** What holds the snapshot, for a day. */
  readonly lease: string;
}

/** Milliseconds that the lease lasts if nobody deletes it. */
const day = 24 * 60 * 60 * 1000;

/** Prepares it. Throws NotFound if a part of the image isn't here; nothing stays when it fails. */
export async function prepareLaunch(
  { images, content, snapshots, leases }: LaunchStores,
  scope: Scope,
  { image, platform, snapshotter, key, labels, user }: LaunchRequest,
): Promise<Launch> {
  const record = images.get(scope, image);
  const wanted = platform ? parsePlatform(platform) : defaultPlatform();
  const { manifest } = await manifestFor(content, scope, record.target!, wanted);
  const config = new Uint8Array(await content.readAll(scope, manifest.config.digest));
  const { platform: made, diffIds } = parseConfig(config, manifest.config.digest);
  if (made.architecture && !matches(wanted, made)) {
    throw notFound(
      `image ${JSON.stringify(image)} is for ${formatPlatform(made)}, not ${formatPlatform(wanted)}`,
    );
  }
  const parent = chainIds(diffIds).at(-1) ?? "";
  const expires = new Date(Date.now() + day).toISOString();
  const { id: lease } = await leases.create(scope, { id: "", labels: { [expireLabel]: expires } });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => leases.delete(scope, lease));
  const mounts = await snapshots.prepare({ ...scope, lease }, snapshotter, key, parent, labels);
  undo.defer(() => snapshots.remove(scope, snapshotter, key));
  const launch = {
    imageLabels: record.labels,
    config,
    mounts,
    user: await userOf(mounts, user || imageUser(config)),
    lease,
  };
  undo.move();
  return launch;
}

/** The user that an image's config names. */
function imageUser(config: Uint8Array): string {
  const document: { config?: ImageConfig } = JSON.parse(new TextDecoder().decode(config));
  return document.config?.User ?? "";
}

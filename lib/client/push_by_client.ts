/**
 * Pushing for a daemon without a Transfer service (containerd before 1.7), or what that service has no words for:
 * the daemon's content comes to us, and we send it. A lease holds it meanwhile.
 */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError, notFound } from "../errors.ts";
import { normalizePlatform, sourceLabel, sourceLabelName } from "../images/mod.ts";
import { type PushContent, pushImage } from "../push/mod.ts";
import { Pusher, type Reference } from "../remotes/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import { createLease } from "./lease.ts";
import { type OwnAccess, remoteOptionsOf } from "./registry_access.ts";
import type { Services } from "./services.ts";
import type { Push } from "./transfer_push.ts";

/** What only a client can ask for, and how it watches. */
export interface LocalPushOptions {
  /** The manifest or index to push, in place of an image's. */
  readonly manifest?: { readonly digest: string; readonly mediaType: string };
  /** Push layers, too, that their maker doesn't let registries hold. */
  readonly foreign?: boolean;
  readonly maxConcurrentUploads?: number;
  readonly onProgress?: (update: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Pushes; errors as those of the daemon's own push. */
export async function pushByClient(
  services: Services,
  push: Push & Pick<OwnAccess, "ownDirs">,
  { manifest, ...options }: LocalPushOptions,
): Promise<void> {
  const { signal } = options;
  const content = new ContentClient(services);
  const pusher = new Pusher(push.reference, await remoteOptionsOf(services, push));
  const target = manifest
    ? { ...manifest, size: await sizeOf(content, manifest.digest), annotations: {} }
    : await targetOf(services, push.image);
  await using lease = await createLease(services, { signal });
  await lease.add({ id: target.digest, type: "content" }, { signal });
  const platforms = push.platforms.map((platform) => normalizePlatform({ ...platform, osVersion: "" }));
  const source = contentOf(content, pusher.reference, { lease: lease.id, signal });
  const wanted = { ...options, platforms, all: push.allPlatforms };
  await pushImage(pusher, source, { name: push.image, target }, wanted);
}

async function sizeOf(content: ContentClient, digest: string): Promise<number> {
  try {
    return Number((await content.info(digest)).size);
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
    throw notFound(`manifest ${digest} is not here; an image's documents come with: ctr images pull`);
  }
}

async function targetOf(services: Services, name: string) {
  const { image } = await services.stub(ImagesDefinition).get({ name });
  if (!image?.target) throw notFound(`image ${JSON.stringify(name)}`);
  const { mediaType, digest, size } = image.target;
  return { mediaType, digest, size: Number(size), annotations: {} };
}

function contentOf(content: ContentClient, reference: Reference, call: CallOptions): PushContent {
  const labels = async (digest: string) => {
    try {
      return (await content.info(digest, call)).labels;
    } catch (error) {
      if (isError(error, Code.NotFound)) return undefined;
      throw error;
    }
  };
  const name = sourceLabelName(reference);
  return {
    labels,
    readAll: (digest, limit) => content.readAll(undefined, digest, limit),
    read: (digest, offset, size) => content.read(digest, { offset, size, ...call }),
    async pushed(digest) {
      const before = await labels(digest);
      const after = sourceLabel(reference, before?.[name]);
      if (before && after[name] !== before[name]) await content.label(digest, after, call);
    },
  };
}

/** Pushing an image of the store: held from the garbage collector, each blob sent to a repository by one of us. */
import type { ImageStore } from "../metadata/mod.ts";
import {
  type Descriptor,
  parsePlatform,
  type Platform,
  sourceLabel,
  sourceLabelName,
} from "../images/mod.ts";
import { Code, isError } from "../errors.ts";
import { type PushContent, pushImage, type Watch, type Work } from "../push/mod.ts";
import { Pusher, type Reference } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import type { Carrier } from "./carrier.ts";
import type { TransferRooms } from "./download.ts";
import type { Flights } from "./flights.ts";
import type { Holds } from "./hold.ts";
import { type RegistryRequest, remoteOptions, type TransferOptions } from "./transfer.ts";

/** What to push, and where to. */
export interface PushRequest extends RegistryRequest {
  /** The image's name in the store; the reference unless said. */
  readonly name?: string;
  /** "linux/arm64" or in parts; those that are here if empty. */
  readonly platforms?: readonly (string | Platform)[];
  /** Fail rather than leave out platforms that aren't here. */
  readonly allPlatforms?: boolean;
  readonly maxConcurrentUploads?: number;
}

type Rooms = TransferRooms & { readonly images: ImageStore };

/** Pushes; see {@linkcode Transfer.push}. */
export async function push(
  rooms: Rooms,
  { flights, holds, carrier }: { flights: Flights; holds: Holds; carrier: Carrier },
  scope: Scope,
  request: PushRequest & { readonly registryDirs?: readonly string[] },
  { signal, onProgress }: TransferOptions,
): Promise<Descriptor> {
  using carrying = carrier.enter();
  const pusher = new Pusher(request.reference, { ...remoteOptions(request), sender: carrying.send });
  const image = rooms.images.get(scope, request.name || request.reference);
  const { mediaType, digest, size } = image.target!;
  const target = { mediaType, digest, size: Number(size), annotations: {} };
  const platforms = (request.platforms ?? []).map((one) =>
    typeof one === "string" ? parsePlatform(one) : one
  );
  // The lease keeps the image's content, by its labels, also if the image is removed meanwhile.
  const held = await holds.hold(scope, `push ${request.reference} ${digest}`);
  try {
    await rooms.leases.addResource(held.scope, held.scope.lease!, { type: "content", id: digest });
    return await pushImage(pusher, contentOf(rooms, scope, pusher.reference), { name: image.name, target }, {
      platforms,
      all: request.allPlatforms,
      maxConcurrentUploads: request.maxConcurrentUploads,
      signal,
      onProgress,
      once: (key, work, watch) => once(flights, key, work, watch),
    });
  } finally {
    await held.end();
  }
}

function contentOf({ content }: Rooms, scope: Scope, reference: Reference): PushContent {
  const labels = (digest: string) =>
    content.has(scope, digest) ? content.info(scope, digest).labels : undefined;
  const name = sourceLabelName(reference);
  return {
    labels: (digest) => Promise.resolve(labels(digest)),
    path: (digest) => content.path(scope, digest),
    readAll: (digest, limit) => content.readAll(scope, digest, limit),
    read: (digest, offset, size) => content.read(scope, digest, { offset, size }),
    /** Pushes to the registry's other repositories can have it from there. */
    async pushed(digest) {
      const before = labels(digest)?.[name];
      const after = sourceLabel(reference, before);
      if (!labels(digest) || after[name] === before) return;
      await content.update(scope, { digest, labels: after }, [`labels.${name}`]);
    },
  };
}

/** Another's upload is as good as ours if it comes to its end; its failure may have reasons that we don't have. */
async function once(flights: Flights, key: string, work: Work, watch: Watch): Promise<void> {
  for (;;) {
    let own = false;
    try {
      return await flights.join<void, Parameters<Watch["onProgress"]>[0]>(key, (signal, report) => {
        own = true;
        return work(signal, report);
      }, watch);
    } catch (error) {
      if (own || watch.signal.aborted || isError(error, Code.FailedPrecondition)) throw error;
    }
  }
}

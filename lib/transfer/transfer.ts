/** Transfers as the daemon offers them. */
import type { Image } from "../api/services/images/v1/images.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { type Descriptor, parsePlatform, type Platform } from "../images/mod.ts";
import type { ImageStore } from "../metadata/mod.ts";
import {
  type Credentials,
  type CredentialsFor,
  defaultHosts,
  hostsFromDirs,
  type HttpLog,
  type Patience,
  Remote,
  type RemoteOptions,
} from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import { Carrier } from "./carrier.ts";
import { type Checked, checkImage } from "./check.ts";
import { about, type TransferRooms } from "./download.ts";
import { exportImages, type ExportRequest } from "./export.ts";
import { Flights } from "./flights.ts";
import { Holds } from "./hold.ts";
import { Importing, type ImportRequest } from "./import.ts";
import { push, type PushRequest } from "./push.ts";
import { Pull, type PullPlan, saveImage } from "./pull.ts";
import { Repair, type RepairRequest, type RepairStep } from "./repair.ts";

/** A registry's image, and how it is reached. */
export interface RegistryRequest {
  /** A full reference. */
  readonly reference: string;
  readonly auth?: Credentials | CredentialsFor;
  readonly plainHttp?: boolean;
  /** A directory of hosts.toml files, in place of the daemon's own. */
  readonly hostsDir?: string;
  /** Told what goes over the wire. */
  readonly log?: HttpLog;
  /** Sent with each request to the registry. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly patience?: Partial<Patience>;
}

/** What to pull, and how. */
export interface PullRequest extends RegistryRequest {
  /** The image's name in the store, if it shall not be the reference. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** "linux/arm64" or in parts; this machine's if empty. */
  readonly platforms?: readonly (string | Platform)[];
  /** Fetch what is there for any platform; only the wanted ones are unpacked. */
  readonly allPlatforms?: boolean;
  readonly unpack?: boolean;
  /** "overlayfs" unless said. */
  readonly snapshotter?: string;
  /** Wait until unpacked files are on disk before they become a snapshot (true unless said). */
  readonly sync?: boolean;
  /** Drop blobs of layers once they are unpacked; what the daemon is configured to do unless said. */
  readonly discardUnpackedLayers?: boolean;
  readonly maxConcurrentDownloads?: number;
}

/** How a transfer is watched. */
export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** The rooms that transfers work with. */
type Rooms = TransferRooms & {
  readonly images: ImageStore;
  /** Collects garbage: what an import that failed has left, or layers that are not to be kept. */
  readonly collect?: () => Promise<unknown>;
};

const DOWNLOADS = 3;

/** All transfers of a daemon; those that want the same work share it. */
export class Transfer implements Disposable {
  readonly #rooms: Rooms;
  readonly #flights = new Flights();
  readonly #holds: Holds;
  readonly #carrier = new Carrier();
  readonly #discard: boolean;
  readonly #schema1: boolean;
  readonly #registryDirs: readonly string[];
  #anonymous = 0;

  constructor(
    rooms: Rooms,
    { discardUnpackedLayers = false, schema1 = false, registryDirs = [] }: {
      discardUnpackedLayers?: boolean;
      schema1?: boolean;
      /** Directories of hosts.toml files, for requests that name none. */
      registryDirs?: readonly string[];
    } = {},
  ) {
    this.#rooms = rooms;
    this.#registryDirs = registryDirs;
    this.#discard = discardUnpackedLayers;
    this.#schema1 = schema1;
    this.#holds = new Holds(rooms.leases);
  }

  /** Ends what is kept for the next push. */
  [Symbol.dispose](): void {
    this.#carrier[Symbol.dispose]();
  }

  /**
   * Pulls an image: everything it needs is verified and in the store, and unpacked if asked for, before the image
   * has its record. Throws InvalidArgument for a bad reference or document, NotFound, Unauthenticated,
   * Unavailable, FailedPrecondition for bytes that are not what their digest says.
   */
  async pull(scope: Scope, given: PullRequest, options: TransferOptions = {}): Promise<Image> {
    const request = this.#withDirs(given);
    const remote = new Remote(request.reference, { ...remoteOptions(request), schema1: this.#schema1 });
    const plan = planOf(request, { discard: this.#discard, schema1: this.#schema1 });
    // Those who show the same credentials for the same thing share the whole of it; blobs are shared anyway.
    const isOwn = typeof request.auth === "function" || request.log !== undefined;
    const who = isOwn ? ++this.#anonymous : request.auth;
    const key = JSON.stringify([
      "pull",
      scope,
      plan,
      who,
      request.plainHttp,
      request.hostsDir,
      request.headers,
    ]);
    try {
      return await this.#flights.join<Image, Progress>(key, async (signal, report) => {
        const held = await this.#holds.hold(scope, request.reference);
        try {
          const parts = { scope: held.scope, plan, report };
          return await new Pull(this.#rooms, this.#flights, remote, parts).run(signal);
        } finally {
          await held.end();
        }
      }, options);
    } catch (error) {
      throw about(request.reference, error);
    }
  }

  /**
   * Pushes an image of the store; gives what the registry has now under the reference. Throws NotFound for what
   * isn't here, with the command that fetches it, and what the registry's refusals and failures are.
   */
  async push(scope: Scope, request: PushRequest, options: TransferOptions = {}): Promise<Descriptor> {
    try {
      const shared = { flights: this.#flights, holds: this.#holds, carrier: this.#carrier };
      return await push(this.#rooms, shared, scope, this.#withDirs(request), options);
    } catch (error) {
      throw about(request.reference, error);
    }
  }

  /** What a disk has lost of an image. Throws NotFound without the image. */
  async check(scope: Scope, name: string, snapshotter: string, signal: AbortSignal): Promise<Checked> {
    const image = this.#rooms.images.get(scope, name);
    const held = await this.#holds.hold(scope, `check ${name}`);
    try {
      await this.#keep(held.scope, image);
      return await checkImage({ rooms: this.#rooms, scope: held.scope, snapshotter, signal }, image);
    } catch (error) {
      throw about(name, error);
    } finally {
      await held.end();
    }
  }

  /** Mends an image, step by step; see {@linkcode Repair.run}. Throws NotFound without the image. */
  async *repair(
    scope: Scope,
    name: string,
    given: RepairRequest,
    signal: AbortSignal,
  ): AsyncGenerator<RepairStep> {
    const request = this.#withDirs(given);
    const image = this.#rooms.images.get(scope, name);
    const held = await this.#holds.hold(scope, `repair ${name}`);
    try {
      await this.#keep(held.scope, image);
      yield* new Repair(this.#rooms, this.#flights, { scope: held.scope, request, signal }).run(image);
    } catch (error) {
      throw about(name, error);
    } finally {
      await held.end();
    }
  }

  /** A request as the rooms below want it: `registryDirs` are those that it is to look in. */
  #withDirs<R extends Pick<RegistryRequest, "hostsDir">>(
    request: R,
  ): R & { readonly registryDirs: readonly string[] } {
    return { ...request, registryDirs: request.hostsDir ? [request.hostsDir] : this.#registryDirs };
  }

  /** An image's target leads the collector to the rest of it, also if the image is removed meanwhile. */
  async #keep(scope: Scope, { target }: Image): Promise<void> {
    await this.#rooms.leases.addResource(scope, scope.lease!, { type: "content", id: target!.digest });
  }

  /**
   * Imports the images of an archive: all that they need is verified and in the store, and unpacked if asked for,
   * before any of them has its record. Throws InvalidArgument for what is no such archive, NotFound for what it
   * lacks, FailedPrecondition for bytes that are not what they should be; then nothing of it stays.
   */
  async import(scope: Scope, request: ImportRequest, options: TransferOptions = {}): Promise<Image[]> {
    const { signal = new AbortController().signal, onProgress: report = () => {} } = options;
    const held = await this.#holds.hold(scope, `import ${crypto.randomUUID()}`);
    const discardUnpackedLayers = request.discardUnpackedLayers ?? this.#discard;
    let isClean = false;
    try {
      const parts = { scope: held.scope, request: { ...request, discardUnpackedLayers }, report };
      const images = await new Importing(this.#rooms, this.#flights, parts).run(signal);
      isClean = !discardUnpackedLayers;
      return images;
    } finally {
      await held.end();
      if (!isClean) await this.#rooms.collect?.();
    }
  }

  /**
   * Exports images of the store: `take` gets the bytes of an archive, an OCI layout that docker can load too.
   * Throws NotFound before the first byte, with the platform and the command that fetches it, DataLoss for content
   * that is damaged.
   */
  async export(
    scope: Scope,
    request: ExportRequest,
    take: (archive: AsyncIterable<Uint8Array>) => Promise<void>,
    options: TransferOptions = {},
  ): Promise<void> {
    await exportImages(this.#rooms, this.#holds, { scope, request }, take, options);
  }

  /** Gives the image `from` the further name `to`. Throws NotFound. */
  async tag(scope: Scope, from: string, to: string): Promise<Image> {
    const image = this.#rooms.images.get(scope, from);
    return await saveImage(this.#rooms.images, scope, { ...image, name: to });
  }
}

/** Which servers are asked, and who we are to them. */
export function remoteOptions(
  { auth, plainHttp, registryDirs = [], headers, patience, log }:
    & Omit<RegistryRequest, "reference" | "hostsDir">
    & {
      readonly registryDirs?: readonly string[];
    },
): RemoteOptions {
  const hosts = hostsFromDirs(registryDirs, (connection) => defaultHosts({ plainHttp, headers, connection }));
  const credentials: CredentialsFor = typeof auth === "function" ? auth : () => auth;
  return { hosts, credentials, patience, log };
}

function planOf(
  request: PullRequest,
  { discard, schema1 }: { discard: boolean; schema1: boolean },
): PullPlan {
  const platforms = (request.platforms ?? []).map((one) =>
    typeof one === "string" ? parsePlatform(one) : one
  );
  return {
    reference: request.reference,
    name: request.name ?? "",
    labels: request.labels ?? {},
    platforms,
    allPlatforms: request.allPlatforms ?? false,
    snapshotter: request.unpack === false ? "" : request.snapshotter || "overlayfs",
    sync: request.sync ?? true,
    discard: request.discardUnpackedLayers ?? discard,
    maxConcurrentDownloads: Math.max(request.maxConcurrentDownloads ?? DOWNLOADS, 1),
    schema1,
  };
}

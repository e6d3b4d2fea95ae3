/** The library's entrance: a connection to a daemon, ours or Go's containerd. */
import { ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { EventsDefinition } from "../api/services/events/v1/events.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { type Namespace, NamespacesDefinition } from "../api/services/namespaces/v1/namespace.ts";
import { type Info as SnapshotInfo, SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { VersionDefinition, type VersionResponse } from "../api/services/version/v1/version.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import type { Envelope } from "../api/types/event.ts";
import type { CallOptions, Channel, ServiceDefinition, Stub } from "../rpc/service.ts";
import { defaultAddress, dial } from "./connect.ts";
import { Container, type ContainerOptions, createContainer } from "./container.ts";
import { ContentClient } from "./content.ts";
import type { DiffOptions } from "./diff.ts";
import type { ExportOptions } from "./export.ts";
import { Image } from "./image.ts";
import type { ImportOptions } from "./import.ts";
import { createLease, type Lease, type LeaseOptions } from "./lease.ts";
import {
  checkImages,
  type CheckResponse,
  type DiskItem,
  type DiskUsage,
  diskUsage,
  type MaintenanceOptions,
  prune,
  type PruneOptions,
  repairImage,
  type RepairOptions,
  type RepairResponse,
} from "./maintenance.ts";
import { pull, type PullOptions } from "./pull.ts";
import { push, type PushOptions } from "./push.ts";
import type { Restored, RestoreOptions } from "./restore.ts";
import type { Services } from "./services.ts";
import { type Stubs, stubsOf } from "./stubs.ts";

export interface ClientOptions {
  /** `default`, or what CONTAINERD_NAMESPACE says, unless given. */
  readonly namespace?: string;
  /** Ends connecting. */
  readonly signal?: AbortSignal;
}

export class Client implements Services, AsyncDisposable {
  readonly namespace: string;
  readonly content: ContentClient;
  /** The daemon's services as they are: `client.services.snapshots.prepare(...)`. */
  readonly services: Stubs;
  readonly #channel: Channel;

  private constructor(channel: Channel, namespace: string) {
    this.#channel = channel;
    this.namespace = namespace;
    this.content = new ContentClient(this);
    this.services = stubsOf(this);
  }

  /**
   * Connects to the daemon at `address`: what CONTAINERD_ADDRESS says, or our default, unless given.
   * @throws Unavailable, naming the address, if nobody answers
   */
  static async connect(address?: string, { namespace, signal }: ClientOptions = {}): Promise<Client> {
    const path = address ?? Deno.env.get("CONTAINERD_ADDRESS") ?? defaultAddress;
    return Client.over(await dial(path, signal), { namespace });
  }

  /** A client over a channel that is there: of an embedded daemon, say. */
  static over(channel: Channel, { namespace }: ClientOptions = {}): Client {
    return new Client(channel, namespace ?? Deno.env.get("CONTAINERD_NAMESPACE") ?? "default");
  }

  stub<D extends ServiceDefinition>(definition: D, more?: CallOptions): Stub<D> {
    return this.#channel.stub(definition, { namespace: this.namespace, ...more });
  }

  /** Whether the daemon may be another than ours; it isn't if there is nobody to ask. */
  isForeign(): Promise<boolean> {
    return Promise.resolve(this.#channel.isForeign?.() ?? false);
  }

  version(options?: CallOptions): Promise<VersionResponse> {
    return this.stub(VersionDefinition).version({}, options);
  }

  /** Fetches an image and unpacks it: see {@linkcode PullOptions}. */
  pull(reference: string, options: PullOptions = {}): Promise<Image> {
    return pull(this, reference, options);
  }

  /** Sends an image to a registry, under `reference`: see {@linkcode PushOptions}. */
  push(reference: string, options: PushOptions = {}): Promise<void> {
    return push(this, reference, options);
  }

  /** Imports the images of an archive: see {@linkcode ImportOptions}. */
  async import(archive: AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<Image[]> {
    const { importArchive } = await import("./import.ts");
    return await importArchive(this, archive, options);
  }

  /** The bytes of an archive of images: see {@linkcode ExportOptions}. */
  async *export(names: readonly string[], options: ExportOptions = {}): AsyncGenerator<Uint8Array> {
    const { exportArchive } = await import("./export.ts");
    yield* exportArchive(this, names, options);
  }

  /** An image by name. Throws NotFound. */
  async image(
    name: string,
    { platform, ...options }: CallOptions & { platform?: string } = {},
  ): Promise<Image> {
    return new Image(this, (await this.stub(ImagesDefinition).get({ name }, options)).image!, platform);
  }

  /**
   * Reads all blobs of images and compares their snapshots with their layers, one answer an image.
   * Our daemon's own: Throws Unimplemented elsewhere, NotFound without the image.
   */
  checkImage(names: string | readonly string[], options?: MaintenanceOptions): AsyncIterable<CheckResponse> {
    return checkImages(this, typeof names === "string" ? [names] : names, options);
  }

  /**
   * Fetches and unpacks again what is damaged of an image, and tells each step. Throws as {@linkcode checkImage},
   * and what the registry says.
   */
  repairImage(name: string, options?: RepairOptions): AsyncIterable<RepairResponse> {
    return repairImage(this, name, options);
  }

  /** What the namespace takes of the disk: by kind, and one by one. Our daemon's own. */
  diskUsage({ signal }: CallOptions = {}): Promise<DiskUsage> {
    return diskUsage(this, signal);
  }

  /** Removes what nothing refers to, and tells what went: see {@linkcode PruneOptions}. Our daemon's own. */
  prune(options?: PruneOptions): Promise<DiskItem[]> {
    return prune(this, options);
  }

  async images(filters: string[] = [], options?: CallOptions): Promise<Image[]> {
    const { images } = await this.stub(ImagesDefinition).list({ filters }, options);
    return images.map((record) => new Image(this, record));
  }

  /** Makes a container. */
  newContainer(id: string, options: ContainerOptions = {}): Promise<Container> {
    return createContainer(this, this.namespace, id, options);
  }

  /**
   * Makes the container `id` of a checkpoint, without its task: `newTask` with `checkpoint` starts that where it was.
   * See {@linkcode RestoreOptions}. Throws InvalidArgument if the image is no checkpoint, NotFound without its base.
   */
  async restore(id: string, name: string, options: RestoreOptions = {}): Promise<Restored> {
    const { restoreFrom } = await import("./restore.ts");
    const task = await restoreFrom(this, id, await this.image(name), options);
    return { container: new Container(this, id), task };
  }

  /** A container by id; asked after only when it is used. */
  container(id: string): Container {
    return new Container(this, id);
  }

  async containers(filters: string[] = [], options?: CallOptions): Promise<Container[]> {
    const { containers } = await this.stub(ContainersDefinition).list({ filters }, options);
    return containers.map(({ id }) => new Container(this, id));
  }

  /** The snapshots of a snapshotter. */
  async *snapshots(
    snapshotter = "overlayfs",
    filters: string[] = [],
    options?: CallOptions,
  ): AsyncGenerator<SnapshotInfo> {
    for await (const { info } of this.stub(SnapshotsDefinition).list({ snapshotter, filters }, options)) {
      yield* info;
    }
  }

  /** Makes a layer of what a snapshot has more or less than its parent; see {@linkcode DiffOptions}. */
  async diff(key: string, options: DiffOptions = {}): Promise<Descriptor> {
    const { diffSnapshot } = await import("./diff.ts");
    return await diffSnapshot(this, key, options);
  }

  /** Unmounts an image that `Image.mount` has mounted; with `remove` its snapshot goes too. */
  async unmountImage(
    target: string,
    options: CallOptions & { snapshotter?: string; remove?: boolean } = {},
  ): Promise<void> {
    const { unmountImage } = await import("./image_mounts.ts");
    await unmountImage(this, target, options);
  }

  /** Makes a lease, which is deleted when disposed. */
  lease(options?: LeaseOptions): Promise<Lease> {
    return createLease(this, options);
  }

  /** Events of all namespaces from now on that match any of `filters`, until the signal aborts. */
  events(filters: string[] = [], options?: CallOptions): AsyncIterable<Envelope> {
    return this.stub(EventsDefinition).subscribe({ filters }, options);
  }

  async namespaces(options?: CallOptions): Promise<Namespace[]> {
    return (await this.stub(NamespacesDefinition).list({ filter: "" }, options)).namespaces;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
  }
}

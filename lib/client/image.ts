/** An image of a daemon: a name for a descriptor, and what hangs on it. */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Image as ImageRecord } from "../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { Code, isError } from "../errors.ts";
import {
  chainIds,
  defaultPlatform,
  type Descriptor,
  type Manifest,
  manifestFor,
  parsePlatform,
} from "../images/mod.ts";
import type { ImageConfig } from "../oci/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import type { ConvertOptions } from "./convert.ts";
import type { MountOptions } from "./image_mounts.ts";
import { createLease } from "./lease.ts";
import type { Services } from "./services.ts";

/** Configs larger than this are refused. */
const configLimit = 8 << 20;

export class Image {
  readonly #services: Services;
  readonly record: ImageRecord;
  /** `os/arch/variant`; the host's unless said. */
  readonly platform: string | undefined;

  constructor(services: Services, record: ImageRecord, platform?: string) {
    this.#services = services;
    this.record = record;
    this.platform = platform;
  }

  get name(): string {
    return this.record.name;
  }

  get digest(): string {
    return this.record.target!.digest;
  }

  get labels(): Record<string, string> {
    return this.record.labels;
  }

  /** The manifest for the image's platform. Throws NotFound, naming the platform, if it isn't there. */
  async manifest(): Promise<Manifest> {
    const target = this.record.target!;
    const platform = this.platform ? parsePlatform(this.platform) : defaultPlatform();
    return (await manifestFor(this.#content(), { namespace: "" }, target, platform)).manifest;
  }

  /** What the image says of its containers. */
  async config(): Promise<ImageConfig> {
    return (await this.#document()).config ?? {};
  }

  /** The name of the snapshot with all layers, which containers of the image are on top of. */
  async chainId(): Promise<string> {
    return chainIds((await this.#document()).rootfs?.diff_ids ?? []).at(-1) ?? "";
  }

  /** Config and layers. */
  async parts(): Promise<Descriptor[]> {
    const { config, layers } = await this.manifest();
    return [config, ...layers];
  }

  /** Bytes of config and layers, as they are in the content store. */
  async size(): Promise<number> {
    return (await this.parts()).reduce((sum, { size }) => sum + size, 0);
  }

  /** Whether a snapshotter has its layers. */
  async isUnpacked(snapshotter = "overlayfs"): Promise<boolean> {
    try {
      await this.#services.stub(SnapshotsDefinition).stat({ snapshotter, key: await this.chainId() });
      return true;
    } catch (error) {
      if (isError(error, Code.NotFound)) return false;
      throw error;
    }
  }

  /** Unpacks its layers, those that aren't yet, so that containers can be made of it. */
  async unpack(
    { snapshotter = "overlayfs", ...options }: CallOptions & { snapshotter?: string } = {},
  ): Promise<
    void
  > {
    const { unpackByClient } = await import("./unpack_by_client.ts");
    await using lease = await createLease(this.#services, options);
    const call = { ...options, lease: lease.id };
    const unpacking = { services: this.#services, content: this.#content(), lease, call, report() {} };
    await unpackByClient(unpacking, await this.manifest(), snapshotter);
  }

  /** Bytes and inodes of each of its snapshots, the uppermost first. Throws NotFound if it isn't unpacked. */
  async usage(
    { snapshotter = "overlayfs", ...options }: CallOptions & { snapshotter?: string } = {},
  ): Promise<
    { key: string; size: bigint; inodes: bigint }[]
  > {
    const snapshots = this.#services.stub(SnapshotsDefinition);
    const found: { key: string; size: bigint; inodes: bigint }[] = [];
    for (let key = await this.chainId(); key !== "";) {
      const { size, inodes } = await snapshots.usage({ snapshotter, key }, options);
      found.push({ key, size, inodes });
      key = (await snapshots.stat({ snapshotter, key }, options)).info!.parent;
    }
    return found;
  }

  /** Mounts its files on a directory of this machine; see {@linkcode MountOptions}. Gives their chain ID. */
  async mount(target: string, options: MountOptions = {}): Promise<string> {
    const { mountImage } = await import("./image_mounts.ts");
    return await mountImage(this.#services, this, target, options);
  }

  /** Makes another image of it, with other compression or other media types; see {@linkcode ConvertOptions}. */
  async convert(name: string, options: ConvertOptions = {}): Promise<Image> {
    const { convertImage } = await import("./convert.ts");
    return new Image(this.#services, await convertImage(this.#services, this.record, name, options));
  }

  /** Deletes the name; `sync` waits until what only it held is gone from the disk. */
  async delete({ sync = false }: { sync?: boolean } = {}): Promise<void> {
    await this.#services.stub(ImagesDefinition).delete({ name: this.name, sync });
  }

  async #document(): Promise<{ config?: ImageConfig; rootfs?: { diff_ids?: string[] } }> {
    const { config } = await this.manifest();
    const bytes = await this.#content().readAll(undefined, config.digest, configLimit);
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  #content(): ContentClient {
    return new ContentClient(this.#services);
  }
}

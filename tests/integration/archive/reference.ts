/** Debian's containerd as the reference for unpacking: layers in over its API, directories out. */
import { Buffer } from "node:buffer";
import grpc from "@grpc/grpc-js";
import { createHash } from "node:crypto";
import { ContentDefinition, WriteAction } from "../../../lib/api/services/content/v1/content.ts";
import { DiffDefinition } from "../../../lib/api/services/diff/v1/diff.ts";
import { LeasesDefinition } from "../../../lib/api/services/leases/v1/leases.ts";
import { SnapshotsDefinition } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../../../lib/api/types/mount.ts";
import type { Codec } from "../../../lib/rpc/service.ts";
import { Containerd } from "../../harness/mod.ts";

interface Method {
  name: string;
  requestType: Codec<unknown>;
  responseType: Codec<unknown>;
}

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

/** What one `apply` gave: the directory and what was reported, or the error. */
export interface Applied {
  dir: string;
  diffId?: string;
  size?: number;
  error?: string;
}

export class Reference implements AsyncDisposable {
  readonly #server: Containerd;
  readonly #client: grpc.Client;
  #names = 0;

  private constructor(server: Containerd) {
    this.#server = server;
    this.#client = new grpc.Client(`unix:${server.address}`, grpc.credentials.createInsecure());
  }

  static async start(): Promise<Reference> {
    const reference = new Reference(await Containerd.start("shm"));
    await reference.#call(LeasesDefinition, "create", { id: "test", labels: {} }, { lease: "" });
    return reference;
  }

  /** Applies layers one on another; stops at the first that fails. */
  async apply(snapshotter: "overlayfs" | "native", layers: Uint8Array<ArrayBuffer>[]): Promise<Applied[]> {
    const applied: Applied[] = [];
    let parent = "";
    for (const layer of layers) {
      const key = `active-${++this.#names}`;
      const { mounts } = await this.#call(SnapshotsDefinition, "prepare", {
        snapshotter,
        key,
        parent,
        labels: {},
      }) as { mounts: Mount[] };
      const result = await this.#applyOne(layer, mounts);
      applied.push(result);
      if (result.error) break;
      parent = `layer-${this.#names}`;
      await this.#call(SnapshotsDefinition, "commit", { snapshotter, name: parent, key, labels: {} });
    }
    return applied;
  }

  async #applyOne(layer: Uint8Array<ArrayBuffer>, mounts: Mount[]): Promise<Applied> {
    const dir = directoryOf(mounts[0]!);
    const digest = await this.#write(layer);
    const diff = { mediaType: MEDIA_TYPE, digest, size: BigInt(layer.length), annotations: {} };
    try {
      const { applied } = await this.#call(DiffDefinition, "apply", { diff, mounts, payloads: {} }) as {
        applied: { digest: string; size: bigint };
      };
      return { dir, diffId: applied.digest, size: Number(applied.size) };
    } catch (error) {
      return { dir, error: (error as Error).message };
    }
  }

  async #write(data: Uint8Array): Promise<string> {
    const expected = "sha256:" + createHash("sha256").update(data).digest("hex");
    const { path, codecs } = methodOf(ContentDefinition, "write");
    const stream = this.#client.makeBidiStreamRequest(path, codecs.serialize, codecs.deserialize, metadata());
    const done = Promise.withResolvers<void>();
    stream.on("data", () => {});
    stream.on("end", done.resolve);
    stream.on(
      "error",
      (error: Error & { code?: number }) => error.code === 6 ? done.resolve() : done.reject(error),
    );
    stream.write({
      action: WriteAction.COMMIT,
      ref: expected,
      total: BigInt(data.length),
      expected,
      offset: 0n,
      data,
      labels: {},
    });
    stream.end();
    await done.promise;
    return expected;
  }

  #call(
    definition: { fullName: string; methods: Record<string, unknown> },
    method: string,
    request: unknown,
    { lease = "test" } = {},
  ): Promise<unknown> {
    const { path, codecs } = methodOf(definition, method);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        codecs.serialize,
        codecs.deserialize,
        request,
        metadata(lease),
        (error, value) => error ? reject(error) : resolve(value),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

function methodOf(definition: { fullName: string; methods: Record<string, unknown> }, name: string) {
  const method = definition.methods[name] as Method;
  return {
    path: `/${definition.fullName}/${method.name}`,
    codecs: {
      serialize: (value: unknown) => Buffer.from(method.requestType.encode(value).finish()),
      deserialize: (bytes: Uint8Array) => method.responseType.decode(bytes),
    },
  };
}

function metadata(lease = "test"): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set("containerd-namespace", "test");
  if (lease) metadata.set("containerd-lease", lease);
  return metadata;
}

function directoryOf(mount: Mount): string {
  if (mount.type === "bind") return mount.source;
  return mount.options.find((option) => option.startsWith("upperdir="))!.slice("upperdir=".length);
}

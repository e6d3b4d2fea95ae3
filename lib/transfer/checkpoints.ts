/** Checkpoints of tasks as content: CRIU's files in a tar, and a container's spec. */
import { Any } from "../api/google/protobuf/any.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { Code, invalidArgument, isError } from "../errors.ts";
import type { ContentStore, ContentWriter } from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";
import type { LayerContent } from "./apply_diff.ts";
import type { LayerWorkers } from "./layer_workers.ts";

/** Media types as containerd has them. */
const FILES = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
const SPEC = "application/vnd.containerd.container.checkpoint.config.v1+proto";
const TAR = "application/vnd.oci.image.layer.v1.tar";

/** CRIU, which is root on the host, reads these files by name, and would follow a link out of the directory. */
async function refuseLinks(digest: string, dir: string): Promise<void> {
  for await (const { name, isFile, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) await refuseLinks(digest, `${dir}/${name}`);
    else if (!isFile) throw invalidArgument(`checkpoint ${digest} has ${name}, which is not a regular file`);
  }
}

/** Packs and unpacks them. */
export class CheckpointPacker {
  readonly #content: LayerContent & Pick<ContentStore, "writer">;
  readonly #workers: LayerWorkers;

  constructor(content: LayerContent & Pick<ContentStore, "writer">, workers: LayerWorkers) {
    this.#content = content;
    this.#workers = workers;
  }

  /** Stores all files in a directory. */
  pack(scope: Scope, dir: string, signal?: AbortSignal): Promise<Descriptor> {
    const make = { upper: dir, form: "plain" } as const;
    return this.#store(
      scope,
      FILES,
      ({ dataPath: output }) => this.#workers.make({ make, output, compression: "none" }, { signal }),
    );
  }

  /** Stores a spec with its type, as it is in the container's record. */
  packSpec(scope: Scope, spec: Any): Promise<Descriptor> {
    const bytes = Any.encode(spec).finish();
    return this.#store(scope, SPEC, async (writer) => {
      await writer.write(bytes);
      return { digest: await writer.digest(), size: bytes.length };
    });
  }

  /**
   * Puts a checkpoint's files into a directory that nobody else uses. Throws InvalidArgument for another kind of
   * blob, NotFound without it.
   */
  async unpack(
    scope: Scope,
    { mediaType, digest }: Descriptor,
    dir: string,
    signal?: AbortSignal,
  ): Promise<void> {
    if (mediaType !== FILES) {
      throw invalidArgument(
        `checkpoint ${digest} is of the media type ${JSON.stringify(mediaType)}, not ${FILES}`,
      );
    }
    const source = { file: this.#content.path(scope, digest) };
    const expected = { digest, size: Number(this.#content.info(scope, digest).size) };
    await this.#workers.run({ source, expected, target: { dir, form: "plain" }, mediaType: TAR }, { signal });
    await refuseLinks(digest, dir);
  }

  async #store(
    scope: Scope,
    mediaType: string,
    write: (writer: ContentWriter) => Promise<{ digest: string; size: number }>,
  ): Promise<Descriptor> {
    await using writer = await this.#content.writer(scope, `checkpoint-${crypto.randomUUID()}`);
    const { digest, size } = await write(writer);
    await writer.commit({ verified: { digest, size } }).catch((error) => {
      if (!isError(error, Code.AlreadyExists)) throw error;
    });
    return { mediaType, digest, size: BigInt(size), annotations: {} };
  }
}

/**
 * Containers out of checkpoints. A checkpoint comes from anywhere, so it names and gives only what it is asked
 * for: it makes no image, brings no labels, and gets nothing of the host that a container doesn't get by default,
 * no devices, bind mounts or hooks say, unless the caller gives it that.
 */
import { Any } from "../api/google/protobuf/any.ts";
import {
  Container as ContainerRecord,
  ContainersDefinition,
} from "../api/services/containers/v1/containers.ts";
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { Options } from "../api/types/runc/options/oci.ts";
import { Code, CtrError, failedPrecondition, invalidArgument, isError, notFound } from "../errors.ts";
import type { Spec } from "../oci/mod.ts";
import { anyJson, anyOf, nameOf } from "../rpc/any.ts";
import { type CallOptions, complete } from "../rpc/service.ts";
import { CheckpointAnnotation, CheckpointType, layerPattern } from "./checkpoint_types.ts";
import { wishesOf } from "./checkpoint_wishes.ts";
import { ContentClient } from "./content.ts";
import type { Container } from "./container.ts";
import { Image } from "./image.ts";
import { createLease } from "./lease.ts";
import type { Services } from "./services.ts";

/** What is taken from a checkpoint beside spec and base image. */
export interface RestoreOptions extends CallOptions {
  /** What the container had changed in its files. */
  readonly rw?: boolean;
  readonly snapshotter?: string;
  /** Devices of the host that the container may have again. Throws FailedPrecondition if it had others. */
  readonly devices?: readonly string[];
  /**
   * It gets what else it wants of the host: hooks, bind mounts, capabilities, a runtime of its own. Throws
   * FailedPrecondition if it wants such and isn't trusted.
   */
  readonly trusted?: boolean;
}

/** The parts of a checkpoint's index that matter here. */
interface CheckpointIndex {
  readonly image: string;
  readonly runtime: string;
  readonly snapshotter: string;
  readonly task?: Descriptor;
  readonly spec?: Descriptor;
  readonly runtimeOptions?: Descriptor;
  readonly layer?: Descriptor;
}

const indexLimit = 4 << 20;
const partLimit = 4 << 20;

interface RawPart {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly size?: unknown;
}

/** Reads the index of a checkpoint. Throws InvalidArgument if the image isn't one. */
async function readCheckpoint(services: Services, image: Image): Promise<CheckpointIndex> {
  const bytes = await new ContentClient(services).readAll(undefined, image.digest, indexLimit);
  const json = parseObject(bytes, image.name);
  const parts = Array.isArray(json.manifests) ? json.manifests as RawPart[] : [];
  const find = (matches: (type: string) => boolean): Descriptor | undefined => {
    const found = parts.find(({ mediaType }) => typeof mediaType === "string" && matches(mediaType));
    if (typeof found?.digest !== "string" || typeof found.size !== "number") return undefined;
    return {
      mediaType: String(found.mediaType),
      digest: found.digest,
      size: BigInt(found.size),
      annotations: {},
    };
  };
  const spec = find((type) => type === CheckpointType.spec);
  if (!spec) throw invalidArgument(`image ${image.name} is not a checkpoint: it has no spec`);
  const annotations = (json.annotations ?? {}) as Record<string, string>;
  return {
    image: annotations[CheckpointAnnotation.image] ?? annotations["image.name"] ?? "",
    runtime: annotations[CheckpointAnnotation.runtime] || "io.containerd.runc.v2",
    snapshotter: annotations[CheckpointAnnotation.snapshotter] || "overlayfs",
    spec,
    task: find((type) => type === CheckpointType.task),
    runtimeOptions: find((type) => type === CheckpointType.runtimeOptions),
    layer: find((type) => layerPattern.test(type)),
  };
}

function parseObject(bytes: Uint8Array, name: string): Record<string, unknown> {
  try {
    const json = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  } catch {
    // Said below.
  }
  throw invalidArgument(`image ${name} is not a checkpoint: its index is not a JSON object`);
}

/** A container that came out of a checkpoint. */
export interface Restored {
  readonly container: Container;
  /** What its task can start from; absent if the checkpoint has no task. */
  readonly task?: Descriptor;
}

/**
 * Makes the container `id` as the checkpoint `image` has it, without its task; gives what that can start from.
 * @throws NotFound if its base image isn't here, naming it; FailedPrecondition if what it changed is asked for and
 * isn't there
 */
export async function restoreFrom(
  services: Services,
  id: string,
  image: Image,
  options: RestoreOptions,
): Promise<Descriptor | undefined> {
  const checkpoint = await readCheckpoint(services, image);
  await makeContainer(services, id, checkpoint, await baseOf(services, checkpoint), options);
  return checkpoint.task;
}

/** What a task can start from. Throws InvalidArgument if the image is no checkpoint, or has no task. */
export async function taskIn(services: Services, image: Image): Promise<Descriptor> {
  const { task } = await readCheckpoint(services, image);
  if (!task) throw invalidArgument(`checkpoint ${image.name} has no running task: make it with --task`);
  return task;
}

/** The image that the checkpoint is on top of. It must be here: a checkpoint names no images (CVE-2026-50195). */
async function baseOf(services: Services, { image: name }: CheckpointIndex): Promise<Image> {
  if (!name) throw failedPrecondition("the checkpoint does not say of which image it is");
  try {
    return new Image(services, (await services.stub(ImagesDefinition).get({ name })).image!);
  } catch (error) {
    if (!isError(error, Code.NotFound)) throw error;
    throw notFound(`image ${name}, which the checkpoint is on top of (pull it first)`, { cause: error });
  }
}

async function makeContainer(
  services: Services,
  id: string,
  checkpoint: CheckpointIndex,
  base: Image,
  { rw, snapshotter = checkpoint.snapshotter, devices = [], trusted = false, ...asked }: RestoreOptions,
): Promise<void> {
  await using lease = await createLease(services, asked);
  const call = { ...asked, lease: lease.id };
  const content = new ContentClient(services);
  const runtime = await runtimeOf(content, checkpoint);
  const spec = specFor(id, await readAny(content, checkpoint.spec!), { devices, trusted, runtime });
  const snapshots = services.stub(SnapshotsDefinition);
  const parent = await base.chainId();
  const { mounts } = await snapshots.prepare({ snapshotter, key: id, parent }, call).catch((error) => {
    if (!isError(error, Code.NotFound)) throw error;
    throw new CtrError(Code.NotFound, `image ${base.name} is not unpacked: pull it again`, { cause: error });
  });
  try {
    if (rw) {
      const diff = checkpoint.layer;
      if (!diff) throw failedPrecondition("the checkpoint has no changed files: make it with --rw");
      await services.stub(DiffDefinition).apply({ diff, mounts }, call);
    }
    const container = complete(ContainerRecord, {
      id,
      image: base.name,
      runtime: { name: runtime.name, options: runtime.options && anyOf(OPTIONS, Options, runtime.options) },
      spec,
      snapshotter,
      snapshotKey: id,
    });
    await services.stub(ContainersDefinition).create({ container }, asked);
  } catch (error) {
    await snapshots.remove({ snapshotter, key: id }).catch(() => {});
    throw error;
  }
}

async function readAny(content: ContentClient, { digest }: Descriptor): Promise<Any> {
  const bytes = await content.readAll(undefined, digest, partLimit);
  try {
    return Any.decode(bytes);
  } catch (error) {
    throw invalidArgument(`checkpoint part ${digest} cannot be read`, { cause: error });
  }
}

interface Runtime {
  readonly name: string;
  readonly options?: Options;
}

const OPTIONS = "containerd.runc.v1.Options";

/** Its runtime. Of runc's options those are taken that say how it is to be called; not whose files or sockets it uses. */
async function runtimeOf(
  content: ContentClient,
  { runtime: name, runtimeOptions }: CheckpointIndex,
): Promise<Runtime> {
  const any = runtimeOptions && await readAny(content, runtimeOptions);
  if (!any || nameOf(any.typeUrl) !== OPTIONS) return { name };
  const { binaryName, systemdCgroup, noPivotRoot, noNewKeyring } = Options.decode(any.value);
  return { name, options: complete(Options, { binaryName, systemdCgroup, noPivotRoot, noNewKeyring }) };
}

/** What is for other programs to read, and may give something away. */
const reserved = /^(cdi\.k8s\.io|run\.oci\.|containerd\.io|io\.containerd)/;

/** The spec, with a cgroup of the new container's own: two containers in one would end each other. */
function specFor(
  id: string,
  any: Any,
  { devices, trusted, runtime }: { devices: readonly string[]; trusted: boolean; runtime: Runtime },
): Any {
  let spec: Spec;
  try {
    spec = JSON.parse(new TextDecoder().decode(any.value));
  } catch (error) {
    throw invalidArgument("the checkpoint's spec is not JSON", { cause: error });
  }
  const [, namespace] = /^\/([^/]+)\/[^/]+$/.exec(spec.linux?.cgroupsPath ?? "") ?? [];
  if (namespace) spec.linux.cgroupsPath = `/${namespace}/${id}`;
  const unasked = spec.linux?.devices?.find(({ path }) => !devices.includes(path));
  if (unasked) {
    throw failedPrecondition(`the checkpoint's container had the device ${unasked.path}: ask for it`);
  }
  const wishes = trusted ? [] : wishesOf(spec, runtime, devices);
  if (wishes.length) {
    throw failedPrecondition(
      `the checkpoint wants ${wishes.join(", ")} of this host: give it that (--trust) only if you know it`,
    );
  }
  spec.annotations = Object.fromEntries(
    Object.entries(spec.annotations ?? {}).filter(([key]) => !reserved.test(key)),
  );
  return anyJson(any.typeUrl, spec);
}

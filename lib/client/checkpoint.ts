/**
 * Checkpoints of containers: an image whose index has CRIU's files, the spec, the base image and what the container
 * had changed in it, as parts. Go's clients make and read the same.
 */
import { createHash } from "node:crypto";
import { Any } from "../api/google/protobuf/any.ts";
import { type Container, ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { CheckpointOptions as RuncOptions } from "../api/types/runc/options/oci.ts";
import { defaultPlatform, MediaType } from "../images/mod.ts";
import { anyOf } from "../rpc/any.ts";
import type { CallOptions } from "../rpc/service.ts";
import { CheckpointAnnotation, CheckpointType } from "./checkpoint_types.ts";
import { ContentClient } from "./content.ts";
import { diffSnapshot } from "./diff.ts";
import { type Json, storeJson } from "./documents.ts";
import { createLease } from "./lease.ts";
import { nameImage } from "./name_image.ts";
import { whilePaused } from "./pause.ts";
import type { Services } from "./services.ts";
import { refuseUserNamespace } from "./user_namespace.ts";

/** How CRIU takes a task. */
export interface TaskCheckpointOptions {
  /** The task ends with it. */
  readonly exit?: boolean;
  /** Where CRIU's own logs and scratch files go, on the daemon's host. */
  readonly workPath?: string;
  /** Open TCP connections are taken along. */
  readonly tcpEstablished?: boolean;
  /** Connections to unix sockets outside are allowed. */
  readonly externalUnixSockets?: boolean;
  readonly fileLocks?: boolean;
}

/** What goes into a checkpoint. */
export interface CheckpointOptions extends CallOptions {
  /** Its running processes; without them only files and spec are kept. */
  readonly task?: TaskCheckpointOptions;
  /** A reference to the base image, with its blobs. */
  readonly image?: boolean;
  /** What it has changed in its files. */
  readonly rw?: boolean;
}

/** A part of the index. */
type Part = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };

/** Writes a task's processes into the directory `path` of the daemon's host. */
export async function checkpointInto(
  services: Services,
  containerId: string,
  path: string,
  options: TaskCheckpointOptions,
  call: CallOptions = {},
): Promise<void> {
  const request = { containerId, options: runcOptions(options, path) };
  await services.stub(TasksDefinition).checkpoint(request, call);
}

/**
 * Makes a checkpoint of the container as the image `name`. A running task is paused meanwhile. Throws
 * FailedPrecondition for one with a user namespace.
 */
export async function checkpointContainer(
  services: Services,
  id: string,
  name: string,
  { task, image, rw, ...asked }: CheckpointOptions = {},
): Promise<void> {
  await using lease = await createLease(services, asked);
  const call = { ...asked, lease: lease.id };
  const content = new ContentClient(services);
  const container = (await services.stub(ContainersDefinition).get({ id }, asked)).container!;
  refuseUserNamespace(container);
  const parts: Part[] = [];
  await whilePaused(services, id, asked, async () => {
    if (task) parts.push(...(await taskParts(services, id, task, call)).map(partOf));
    if (rw) parts.push(partOf(await changes(services, container, call)));
  });
  if (image) parts.push(await basePart(services, container.image, call));
  if (!task) parts.push(await storeAny(content, CheckpointType.spec, container.spec!, call));
  const { runtime } = container;
  if (runtime?.options?.typeUrl) {
    parts.push(await storeAny(content, CheckpointType.runtimeOptions, runtime.options, call));
  }
  const index = await storeJson(content, indexOf(container, parts), MediaType.ociIndex, {}, call);
  await nameImage(services, name, index, { "containerd.io/checkpoint": "true" }, call);
}

function indexOf({ image, snapshotter, runtime }: Container, parts: Part[]): Json {
  const platform = defaultPlatform();
  const own = ({ mediaType, ...part }: Part) => ({
    mediaType,
    ...part,
    ...!isBase(mediaType) && { platform: { architecture: platform.architecture, os: platform.os } },
  });
  return {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: parts.map(own),
    annotations: {
      "image.name": image,
      [CheckpointAnnotation.image]: image,
      [CheckpointAnnotation.runtime]: runtime?.name ?? "",
      [CheckpointAnnotation.snapshotter]: snapshotter,
    },
  };
}

const isBase = (mediaType: string) => /manifest|index|image\.v1\+json$/.test(mediaType);

async function taskParts(
  services: Services,
  containerId: string,
  options: TaskCheckpointOptions,
  call: CallOptions,
): Promise<Descriptor[]> {
  const request = { containerId, options: runcOptions(options) };
  return (await services.stub(TasksDefinition).checkpoint(request, call)).descriptors;
}

function runcOptions(options: TaskCheckpointOptions, imagePath = ""): Any {
  return anyOf("containerd.runc.v1.CheckpointOptions", RuncOptions, {
    exit: options.exit ?? false,
    openTcp: options.tcpEstablished ?? false,
    externalUnixSockets: options.externalUnixSockets ?? false,
    terminal: false,
    fileLocks: options.fileLocks ?? false,
    emptyNamespaces: [],
    cgroupsMode: "",
    imagePath,
    workPath: options.workPath ?? "",
  });
}

function changes(services: Services, { snapshotter, snapshotKey }: Container, call: CallOptions) {
  return diffSnapshot(services, snapshotKey, { snapshotter, ...call });
}

async function basePart(services: Services, name: string, call: CallOptions): Promise<Part> {
  const { image } = await services.stub(ImagesDefinition).get({ name }, call);
  return { ...partOf(image!.target!), annotations: { [CheckpointAnnotation.image]: name } };
}

async function storeAny(
  content: ContentClient,
  mediaType: string,
  any: Any,
  call: CallOptions,
): Promise<Part> {
  const bytes = Any.encode(any).finish();
  // Another checkpoint may have the same.
  const expected = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const digest = await content.write(`checkpoint-${crypto.randomUUID()}`, [bytes], { ...call, expected });
  return { mediaType, digest, size: bytes.length };
}

const partOf = ({ mediaType, digest, size }: Descriptor): Part => ({ mediaType, digest, size: Number(size) });

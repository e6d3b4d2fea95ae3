/** Containers: records from which tasks are made. */
import {
  Container as ContainerRecord,
  ContainersDefinition,
} from "../api/services/containers/v1/containers.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import type { Mount } from "../api/types/mount.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { Code, isError } from "../errors.ts";
import type { CheckpointOptions } from "./checkpoint.ts";
import {
  containerLabels,
  makeSpec,
  type Spec,
  type SpecOption,
  specUrl,
  withImageConfig,
  withUserNamespace,
} from "../oci/mod.ts";
import type { IdMappings } from "../id_mappings.ts";
import { anyJson } from "../rpc/any.ts";
import { type CallOptions, complete } from "../rpc/service.ts";
import type { CommitOptions } from "./commit.ts";
import type { Image } from "./image.ts";
import { type Io, noIo } from "./io.ts";
import { createLease } from "./lease.ts";
import { prepareRemapped } from "./remapped_snapshot.ts";
import type { Services } from "./services.ts";
import { Task } from "./task.ts";

/** The runtime that is used unless another is named. */
const defaultRuntime = "io.containerd.runc.v2";
const stopSignalLabel = "io.containerd.image.config.stop-signal";

/** What a container is made of. */
export interface ContainerOptions extends CallOptions {
  /** Its files, command, environment and user, unless `spec` says otherwise. */
  readonly image?: Image;
  /** The command in place of the image's. */
  readonly args?: string[];
  /** Name of its snapshot; the container's id unless said. */
  readonly snapshot?: string;
  readonly snapshotter?: string;
  readonly runtime?: string;
  /**
   * A user namespace of its own. Its files are copied for it, or with `byLabels` mapped by the snapshotter: see
   * {@linkcode prepareRemapped}.
   */
  readonly userNamespace?: IdMappings & { readonly byLabels?: boolean };
  readonly labels?: Record<string, string>;
  /** Changes to the default spec, in order. */
  readonly spec?: SpecOption[];
}

/** Makes the snapshot, the spec and the record; nothing stays behind if one of them fails. */
export async function createContainer(
  services: Services,
  namespace: string,
  id: string,
  {
    image,
    args,
    snapshotter = "overlayfs",
    runtime = defaultRuntime,
    userNamespace,
    labels,
    spec: options = [],
    ...given
  }: ContainerOptions,
): Promise<Container> {
  const { snapshot: snapshotKey = id, ...call } = given;
  const snapshots = services.stub(SnapshotsDefinition);
  const config = await image?.config() ?? {};
  // Until the record is there nothing but a lease keeps a collection from taking the snapshot.
  await using lease = image && !call.lease ? await createLease(services, call) : undefined;
  const held = { ...call, lease: call.lease ?? lease?.id };
  const prepare = async (parent: string) => {
    const request = { snapshotter, key: snapshotKey, parent };
    if (!userNamespace) return (await snapshots.prepare(request, held)).mounts;
    const { byLabels, ...mappings } = userNamespace;
    return await prepareRemapped(services, { ...request, mappings, byLabels }, held);
  };
  const rootfs = image ? await prepare(await image.chainId()) : [];
  try {
    const fromImage = image ? [withImageConfig(config, args)] : [];
    const own = userNamespace ? [withUserNamespace(userNamespace)] : [];
    const spec = await makeSpec({ namespace, id, rootfs }, [...fromImage, ...options, ...own]);
    const ownLabels = {
      ...containerLabels(config),
      [stopSignalLabel]: config.StopSignal ?? "SIGTERM",
      ...labels,
    };
    const container = complete(ContainerRecord, {
      id,
      image: image?.name ?? "",
      labels: ownLabels,
      runtime: { name: runtime, options: undefined },
      spec: anyJson(specUrl, spec),
      ...(image ? { snapshotter, snapshotKey } : {}),
    });
    await services.stub(ContainersDefinition).create({ container }, call);
  } catch (error) {
    if (image) await snapshots.remove({ snapshotter, key: snapshotKey }).catch(() => {});
    throw error;
  }
  return new Container(services, id);
}

export class Container implements AsyncDisposable {
  readonly id: string;
  readonly #services: Services;

  constructor(services: Services, id: string) {
    this.#services = services;
    this.id = id;
  }

  /** Its record. Throws NotFound. */
  async info(options?: CallOptions): Promise<ContainerRecord> {
    return (await this.#services.stub(ContainersDefinition).get({ id: this.id }, options)).container!;
  }

  async spec(options?: CallOptions): Promise<Spec> {
    return JSON.parse(new TextDecoder().decode((await this.info(options)).spec!.value));
  }

  /** Sets labels and leaves others; an empty value takes a label away. */
  async label(labels: Record<string, string>, options?: CallOptions): Promise<Record<string, string>> {
    const updateMask = Object.keys(labels).map((key) => `labels.${key}`);
    const container = complete(ContainerRecord, { id: this.id, labels });
    const updated = await this.#services.stub(ContainersDefinition).update(
      { container, updateMask },
      options,
    );
    return updated.container!.labels;
  }

  /**
   * Makes its task, ready to start, with streams as `io` says (none unless said). With `checkpoint` it starts where
   * another was: see `Client.restore`.
   */
  async newTask(
    io: Io = noIo(),
    { checkpoint, ...options }: CallOptions & { checkpoint?: Descriptor } = {},
  ): Promise<Task> {
    const { snapshotter, snapshotKey } = await this.info(options);
    const { process } = await this.spec(options);
    const rootfs: Mount[] = snapshotKey
      ? (await this.#services.stub(SnapshotsDefinition).mounts({ snapshotter, key: snapshotKey }, options))
        .mounts
      : [];
    const terminal = process.terminal === true;
    const open = await io.open(this.id, terminal);
    const made = Promise.withResolvers<Task>();
    made.promise.catch(() => {});
    // Before the task is made: the runtime may wait for somebody at the other end. A short input has been read by
    // then, but that it has ended can be told only once the task is there: until then there is nobody to tell.
    open.begin(async () => await (await made.promise).closeInput());
    try {
      const { stdin, stdout, stderr } = open;
      const request = { containerId: this.id, rootfs, stdin, stdout, stderr, terminal, checkpoint };
      const { pid } = await this.#services.stub(TasksDefinition).create(request, options);
      const task = new Task(this.#services, this.id, pid, async () => (await this.spec()).process, open);
      made.resolve(task);
      return task;
    } catch (error) {
      made.reject(error);
      await open[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes an image of it from which it can go on elsewhere or later; see {@linkcode CheckpointOptions}. */
  async checkpoint(name: string, options: CheckpointOptions = {}): Promise<void> {
    const { checkpointContainer } = await import("./checkpoint.ts");
    await checkpointContainer(this.#services, this.id, name, options);
  }

  /** Its task. Throws NotFound if it has none. */
  async task(options?: CallOptions): Promise<Task> {
    const { process } = await this.#services.stub(TasksDefinition).get({ containerId: this.id }, options);
    return this.#task(process!.pid);
  }

  /** Makes an image of it as it is now; see {@linkcode CommitOptions}. */
  async commit(name: string, options: CommitOptions = {}): Promise<Image> {
    const { commitContainer } = await import("./commit.ts");
    const { Image } = await import("./image.ts");
    return new Image(this.#services, await commitContainer(this.#services, this.id, name, options));
  }

  /** Deletes the record and, unless told to keep it, its snapshot. A task must be gone. */
  async delete(
    { keepSnapshot = false, ...options }: CallOptions & { keepSnapshot?: boolean } = {},
  ): Promise<void> {
    const { snapshotter, snapshotKey } = await this.info(options);
    await this.#services.stub(ContainersDefinition).delete({ id: this.id }, options);
    if (!snapshotKey || keepSnapshot) return;
    await this.#services.stub(SnapshotsDefinition).remove({ snapshotter, key: snapshotKey }, options).catch(
      unlessGone,
    );
  }

  /** Ends its task, if it has one, and deletes it with its snapshot. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const task = await this.task().catch(unlessGone);
      await task?.[Symbol.asyncDispose]();
      await this.delete();
    } catch (error) {
      unlessGone(error);
    }
  }

  #task(pid: number): Task {
    return new Task(this.#services, this.id, pid, async () => (await this.spec()).process);
  }
}

function unlessGone(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}

/** Making a container: image, snapshot, spec, record. */
import { Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import type { Image } from "../../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../../api/types/mount.ts";
import { Options } from "../../api/types/runc/options/oci.ts";
import { createLease } from "../../client/lease.ts";
import { alreadyExists, Code, isError } from "../../errors.ts";
import { stopSignalLabel } from "../../labels.ts";
import { containerLabels, type ImageConfig, specUrl } from "../../oci/mod.ts";
import { anyJson, anyOf } from "../../rpc/any.ts";
import { complete } from "../../rpc/service.ts";
import type { Call } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { chainIdOf, manifestFor, readJson } from "../images/contents.ts";
import { parseLabels } from "../output/labels.ts";
import { hostPlatform, parsePlatform } from "../output/platforms.ts";
import { imageToRun } from "./image.ts";
import { logLabels } from "./log.ts";
import { restartLabelsOf } from "./restart.ts";
import { specOf } from "./spec.ts";
import type { Start } from "./start.ts";

/** Where a container's files come from. */
interface Source {
  readonly image: string;
  readonly config: ImageConfig;
  /** The snapshot below the container's own. */
  readonly parent: string;
}

/** Makes the container that the call's flags and arguments describe; nothing stays behind when it fails. */
export async function createContainer(daemon: Daemon, call: Call): Promise<Start> {
  const [from = "", id = "", ...args] = call.args;
  const { flags } = call;
  if (flags.on("rootfs")) return await createOnDirectory(daemon, call, from, id, args);
  const source = await sourceOf(daemon, call, await imageToRun(daemon, call, from));
  const snapshotter = flags.text("snapshotter") || defaultSnapshotter;
  // Until the record is there nothing but the lease keeps a collection from taking the snapshot.
  await using lease = await createLease(daemon);
  const snapshots = daemon.stub(SnapshotsDefinition, { lease: lease.id });
  const labels = parseLabels(flags.list("snapshotter-label"));
  const preparing = snapshots.prepare({ snapshotter, key: id, parent: source.parent, labels });
  const { mounts } = await preparing.catch((error) => explain(daemon, id, error));
  try {
    const context = { namespace: daemon.globals.namespace, id, rootfs: mounts };
    const spec = await specOf(flags, context, source.config, args);
    const labels = await createRecord(
      daemon,
      call,
      { id, image: source.image, snapshotter, snapshotKey: id },
      spec,
      source.config,
    );
    const snapshot = { snapshotter, key: id };
    return { id, labels, rootfs: mounts, terminal: spec.process.terminal === true, snapshot };
  } catch (error) {
    await snapshots.remove({ snapshotter, key: id }).catch(() => {});
    throw error;
  }
}

/** A client that died has left a snapshot, perhaps; whose it is only the user knows. */
async function explain(daemon: Daemon, id: string, error: unknown): Promise<never> {
  if (!isError(error, Code.AlreadyExists)) throw error;
  const { containers } = await daemon.stub(ContainersDefinition).list({ filters: [`id==${id}`] });
  if (containers.length) throw error;
  const advice = `snapshot "${id}", which no container has (ctr snapshots rm ${id})`;
  throw alreadyExists(advice, { cause: error });
}

async function sourceOf(daemon: Daemon, { flags }: Call, image: Image): Promise<Source> {
  const platform = flags.text("platform") ? parsePlatform(flags.text("platform")) : hostPlatform();
  const manifest = await manifestFor(daemon, image.target!, platform);
  const document = await readJson(daemon, manifest.config);
  const parent = await chainIdOf(document.rootfs?.diff_ids ?? []);
  return { image: image.name, config: document.config ?? {}, parent };
}

async function createOnDirectory(
  daemon: Daemon,
  call: Call,
  dir: string,
  id: string,
  args: string[],
): Promise<Start> {
  const path = await Deno.realPath(dir);
  const rootfs: Mount = { type: "bind", source: path, target: "", options: ["rbind", "ro"] };
  const context = { namespace: daemon.globals.namespace, id, rootfs: [rootfs] };
  const spec = await specOf(call.flags, context, {}, args);
  if (!call.flags.text("config")) spec.root.path = path;
  const labels = await createRecord(daemon, call, { id }, spec, {});
  return { id, labels, rootfs: [], terminal: spec.process.terminal === true };
}

async function createRecord(
  daemon: Daemon,
  { flags }: Call,
  record: Partial<Container>,
  spec: unknown,
  config: ImageConfig,
): Promise<Record<string, string>> {
  const options = complete(Options, {
    binaryName: flags.text("runc-binary"),
    root: flags.text("runc-root"),
    systemdCgroup: flags.on("runc-systemd-cgroup"),
    noPivotRoot: flags.on("no-pivot"),
  });
  const logging = await logLabels(daemon, flags, record.id!);
  const container = complete(Container, {
    ...record,
    labels: {
      ...containerLabels(config),
      ...logging,
      ...restartLabelsOf(flags),
      [stopSignalLabel]: config.StopSignal ?? "SIGTERM",
      ...parseLabels(flags.list("label")),
    },
    runtime: { name: flags.text("runtime"), options: anyOf("containerd.runc.v1.Options", Options, options) },
    spec: anyJson(specUrl, spec),
  });
  await daemon.stub(ContainersDefinition).create({ container });
  return container.labels;
}

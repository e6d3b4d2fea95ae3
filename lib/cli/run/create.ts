/** Making a container: image, snapshot, spec, record. */
import { Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import type { Mount } from "../../api/types/mount.ts";
import { alreadyExists, Code, isError } from "../../errors.ts";
import { stopSignalLabel } from "../../labels.ts";
import { containerLabels, type Spec, specUrl } from "../../oci/mod.ts";
import { anyJson } from "../../rpc/any.ts";
import { complete } from "../../rpc/service.ts";
import { type Call, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { removeSnapshot } from "../containers/remove.ts";
import { defaultSnapshotter } from "../flags.ts";
import { parseLabels } from "../output/labels.ts";
import { logLabels } from "./log.ts";
import { checkNetworkFlags, extensionsOf } from "./network.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { restartLabelsOf } from "./restart.ts";
import { runtimeOf } from "./runtime.ts";
import { specOf } from "./spec.ts";
import type { Start } from "./start.ts";
import { mappingsFrom } from "./user_namespace.ts";

/** What a call's arguments name. */
export interface Named {
  /** The image, or with `--rootfs` the directory; none where `--config` says it all. */
  readonly from?: string;
  readonly id: string;
  readonly args: readonly string[];
}

/** Reads them: `IMAGE ID [COMMAND...]`; with `--config` also `ID` alone. */
export function namedIn({ args, flags, path }: Call): Named {
  const [first, second, ...rest] = args;
  if (flags.text("config")) {
    if (!first) throw usageError(`please provide a container id: ${path} --config FILE [IMAGE] ID`);
    if (rest.length) {
      throw usageError("with --config the command is the file's: only an image and an id can follow");
    }
    return second ? { from: first, id: second, args: [] } : { id: first, args: [] };
  }
  if (!first || !second) {
    throw usageError(`please provide an image (or, with --rootfs, a directory) and a container id: ${path}`);
  }
  return { from: first, id: second, args: rest };
}

/** Makes the container that the call's flags and arguments describe; nothing stays behind when it fails. */
export async function createContainer(daemon: Daemon, call: Call): Promise<Start> {
  const { from, id, args } = namedIn(call);
  const { flags } = call;
  mappingsFrom(flags);
  await checkNetworkFlags(flags);
  if (from === undefined || flags.on("rootfs")) {
    return await createWithoutImage(daemon, call, { from, id, args });
  }
  const prepared = await prepare(daemon, call, from, id).catch((error) => explain(daemon, id, error));
  const snapshot = { snapshotter: flags.text("snapshotter") || defaultSnapshotter, key: id };
  try {
    const { mounts, user, config, image } = prepared;
    const context = { namespace: daemon.globals.namespace, id, rootfs: mounts, user };
    const spec = await specOf(flags, context, config, args);
    const made = { id, image: image.name, snapshotter: snapshot.snapshotter, snapshotKey: id };
    const record = await createRecord(daemon, call, made, spec, prepared);
    return { id, ...record, rootfs: mounts, terminal: spec.process.terminal === true, snapshot };
  } catch (error) {
    await removeSnapshot(daemon, snapshot).catch(() => {});
    throw error;
  } finally {
    // Until the record is there nothing but the lease keeps a collection from taking the snapshot.
    daemon.finish(endLease(daemon, prepared.lease));
  }
}

async function endLease(daemon: Daemon, id: string): Promise<void> {
  const { LeasesDefinition } = await import("../../api/services/leases/v1/leases.ts");
  await daemon.stub(LeasesDefinition).delete({ id, sync: false });
}

/** A client that died has left a snapshot, perhaps; whose it is only the user knows. */
async function explain(daemon: Daemon, id: string, error: unknown): Promise<never> {
  if (!isError(error, Code.AlreadyExists)) throw error;
  const { containers } = await daemon.stub(ContainersDefinition).list({ filters: [`id==${id}`] });
  if (containers.length) throw error;
  const advice = `snapshot "${id}", which no container has (ctr snapshots rm ${id})`;
  throw alreadyExists(advice, { cause: error });
}

/** On a directory of the host, or as `--config` has it. */
async function createWithoutImage(daemon: Daemon, call: Call, { from, id, args }: Named): Promise<Start> {
  const path = from === undefined ? undefined : await Deno.realPath(from);
  const rootfs: Mount[] = path ? [{ type: "bind", source: path, target: "", options: ["rbind", "ro"] }] : [];
  const context = { namespace: daemon.globals.namespace, id, rootfs };
  const spec = await specOf(call.flags, context, undefined, args);
  if (path && !call.flags.text("config")) spec.root.path = path;
  const record = await createRecord(daemon, call, { id }, spec);
  return { id, ...record, rootfs: [], terminal: spec.process.terminal === true };
}

async function createRecord(
  daemon: Daemon,
  { flags }: Call,
  record: Partial<Container>,
  spec: Spec,
  prepared?: Prepared,
): Promise<Pick<Container, "labels" | "extensions">> {
  const logging = await logLabels(daemon, flags, record.id!);
  const container = complete(Container, {
    ...record,
    labels: {
      ...prepared ? labelsFrom(prepared) : {},
      ...logging,
      ...restartLabelsOf(flags),
      ...parseLabels(flags.list("label")),
    },
    runtime: await runtimeOf(flags),
    spec: anyJson(specUrl, spec),
    extensions: await extensionsOf(flags),
  });
  await daemon.stub(ContainersDefinition).create({ container });
  if (flags.text("dump-config")) {
    await Deno.writeTextFile(flags.text("dump-config"), JSON.stringify(spec, null, 2));
  }
  return container;
}

/** Those of the image's config, and of its record; neither gives orders. */
function labelsFrom({ image, config }: Prepared): Record<string, string> {
  return {
    ...containerLabels(config),
    ...containerLabels({ Labels: image.labels }),
    [stopSignalLabel]: config.StopSignal ?? "SIGTERM",
  };
}

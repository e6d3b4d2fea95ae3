/** What a container from an image starts with: a snapshot on its layers, and what the image says of it. */
import { LaunchDefinition } from "../../api/services/launch/v1/launch.ts";
import type { Mount } from "../../api/types/mount.ts";
import { Code, isError } from "../../errors.ts";
import type { ImageConfig, SpecContext } from "../../oci/mod.ts";
import { type Call, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { parseLabels } from "../output/labels.ts";
import { mappingsFrom } from "./user_namespace.ts";

/** It, and what holds the snapshot until the container's record does. */
export interface Prepared {
  readonly image: { readonly name: string; readonly labels: Record<string, string> };
  readonly config: ImageConfig;
  readonly mounts: Mount[];
  /** The user that flags or image ask for, if it has been looked up with the rest. */
  readonly user?: SpecContext["user"];
  readonly lease: string;
}

/** The snapshot of the container `id`, and how it is made. */
export interface SnapshotWish {
  readonly snapshotter: string;
  readonly key: string;
  readonly labels: Record<string, string>;
}

/** Prepares it from the image `name`. Nothing stays behind when it fails. */
export async function prepare(daemon: Daemon, call: Call, name: string, id: string): Promise<Prepared> {
  const { flags } = call;
  const when = flags.text("pull");
  if (when !== "missing" && when !== "never") {
    throw usageError(`--pull ${JSON.stringify(when)}: missing or never`);
  }
  const snapshotter = flags.text("snapshotter") || defaultSnapshotter;
  const snapshot = { snapshotter, key: id, labels: parseLabels(flags.list("snapshotter-label")) };
  const prepared = mappingsFrom(flags) ? undefined : await atOnce(daemon, call, name, snapshot);
  if (prepared) return prepared;
  const { prepareByCalls } = await import("./prepare_by_calls.ts");
  return await prepareByCalls(daemon, call, name, snapshot);
}

/** By one call. Undefined if the daemon has no such call, or not all of the image. */
async function atOnce(
  daemon: Daemon,
  { flags }: Call,
  name: string,
  snapshot: SnapshotWish,
): Promise<Prepared | undefined> {
  const request = { image: name, platform: flags.text("platform"), user: flags.text("user"), ...snapshot };
  try {
    const { imageLabels, config, mounts, user, lease } = await daemon.stub(LaunchDefinition).prepare(request);
    const { uid = 0, gid = 0, additionalGids = [] } = user ?? {};
    return {
      image: { name, labels: imageLabels },
      config: JSON.parse(new TextDecoder().decode(config)).config ?? {},
      mounts,
      user: { uid, gid, ...additionalGids.length ? { additionalGids } : {} },
      lease,
    };
  } catch (error) {
    if (isError(error, Code.NotFound) || isError(error, Code.Unimplemented)) return undefined;
    throw error;
  }
}

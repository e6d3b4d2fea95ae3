/** The flags of `run` that give a container a user namespace. */
import type { Mount } from "../../api/types/mount.ts";
import { type IdMappings, parseBothMappings } from "../../id_mappings.ts";
import { type Flags, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";

/** What `--uidmap` and `--gidmap` say. Throws InvalidArgument for what can't be. */
export function mappingsFrom(flags: Flags): IdMappings | undefined {
  const [uids, gids] = ["uidmap", "gidmap"].map((name) => flags.list(name).join(","));
  const mappings = parseBothMappings(uids, gids, { uids: "--uidmap", gids: "--gidmap" });
  if (mappings && flags.text("config")) throw usageError("--uidmap and --config exclude each other");
  if (!mappings && flags.on("remap-labels")) throw usageError("--remap-labels needs --uidmap and --gidmap");
  return mappings;
}

/** Prepares a container's snapshot, for its user namespace if it has one; the lease holds all that is made. */
export async function prepareFor(
  daemon: Daemon,
  flags: Flags,
  snapshot: { snapshotter: string; key: string; parent: string; labels: Record<string, string> },
  lease: string,
): Promise<Mount[]> {
  const mappings = mappingsFrom(flags);
  const { SnapshotsDefinition } = await import("../../api/services/snapshots/v1/snapshots.ts");
  if (!mappings) return (await daemon.stub(SnapshotsDefinition, { lease }).prepare(snapshot)).mounts;
  const { prepareRemapped } = await import("../../client/remapped_snapshot.ts");
  const { namespace, signal } = daemon.globals;
  const request = { ...snapshot, mappings, byLabels: flags.on("remap-labels") };
  return await prepareRemapped(daemon, request, { namespace, signal, lease });
}

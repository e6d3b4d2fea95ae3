/** What the snapshot commands share. */
import type { Mount } from "../../api/types/mount.ts";
import { type Info, Kind, SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import type { Stub } from "../../rpc/service.ts";
import type { Call } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { indentJson, quote } from "../output/json.ts";
import { print } from "../output/print.ts";

/** The snapshotter that a call names. */
export const snapshotterOf = (call: Call) => call.flags.text("snapshotter") || defaultSnapshotter;

/** All snapshots of a snapshotter. */
export async function listSnapshots(
  daemon: Daemon,
  snapshotter: string,
  filters: string[] = [],
): Promise<Info[]> {
  const snapshots: Stub<SnapshotsDefinition> = daemon.stub(SnapshotsDefinition);
  const all: Info[] = [];
  for await (const { info } of snapshots.list({ snapshotter, filters })) all.push(...info);
  return all;
}

/** A label that keeps a snapshot made by hand from the garbage collector. */
export const rootLabel = () => ({
  "containerd.io/gc.root": new Date().toISOString().replace(/\.\d+Z$/, "Z"),
});

/** How a kind is called. */
export const kindName: Record<Kind, string> = {
  [Kind.UNKNOWN]: "Unknown",
  [Kind.VIEW]: "View",
  [Kind.ACTIVE]: "Active",
  [Kind.COMMITTED]: "Committed",
};

/** Prints mounts as commands for a shell (`--target`) or as JSON (`--mounts`), as asked. */
export function showMounts(call: Call, mounts: readonly Mount[]): void {
  const target = call.flags.text("target");
  if (target) printMountCommands(target, mounts);
  if (call.flags.on("mounts")) print(indentJson(mountsJson(mounts)) + "\n");
}

/** One `mount` command a line. */
export function printMountCommands(target: string, mounts: readonly Mount[]): void {
  for (const { type, source, options } of mounts) {
    print(`mount -t ${type} ${source} ${target} -o ${options.join(",")}\n`);
  }
}

const mountsJson = (mounts: readonly Mount[]) =>
  quote(mounts.map(({ type, source, options }) => ({ Type: type, Source: source, Options: options })));

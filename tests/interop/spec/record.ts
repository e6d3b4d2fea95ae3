/** A container's record, as `containers info` prints it. */
import type { Spec } from "../../../mod.ts";
import type { Output } from "../../harness/mod.ts";

/** The record, with Go's names. */
export interface ContainerInfo {
  ID: string;
  Labels: Record<string, string> | null;
  Image: string;
  Runtime: { Name: string; Options: { type_url?: string; value?: string } | null };
  SnapshotKey: string;
  Snapshotter: string;
  Extensions: unknown;
  Spec: Spec;
}

/** One side of a comparison: a command line on a daemon, in a namespace. */
export type Ctr = (args: string[]) => Promise<Output>;

/** Makes the container `id` and reads its record. The error's text if it is refused. */
export async function recordOf(ctr: Ctr, args: string[], id: string): Promise<ContainerInfo | string> {
  const made = await ctr(args);
  if (made.code !== 0) return made.stderr;
  const { stdout, stderr } = await ctr(["containers", "info", id]);
  if (!stdout) throw new Error(`${args.join(" ")}: ${stderr}`);
  const { CreatedAt: _, UpdatedAt: __, ...info } = JSON.parse(stdout);
  return inOrder(info);
}

/** Removes the container `id`, with its task. */
export async function removeRecord(ctr: Ctr, id: string): Promise<void> {
  await ctr(["tasks", "rm", "--force", id]);
  const { code, stderr } = await ctr(["containers", "rm", id]);
  if (code !== 0) throw new Error(stderr);
}

/** What has no order, in one: each command line has its own. */
function inOrder(info: ContainerInfo): ContainerInfo {
  const { process, linux } = info.Spec;
  for (const set of Object.values(process.capabilities ?? {})) set.sort();
  linux.maskedPaths?.sort();
  linux.namespaces.sort((one, other) => one.type < other.type ? -1 : 1);
  info.Labels ??= {};
  return info;
}

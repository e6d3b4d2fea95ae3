/** `ctr rootfs`: what early containerd called these; they are commands of snapshots now. */
import type { Command } from "../command.ts";
import { snapshotterFlag } from "../flags.ts";
import { commands as snapshots } from "../snapshots/mod.ts";

export const commands: readonly Command[] = snapshots
  .filter(({ name }) => name === "diff" || name === "unpack")
  .map((command) => ({ ...command, flags: [...command.flags ?? [], snapshotterFlag] }));

/** Mounts of a container that show other owners than are on disk: whether its runtime knows of them. */
import { unimplemented } from "../errors.ts";
import type { Reaper } from "./reaper.ts";
import { checkedRunc, type Runtime, versionOf } from "./runc.ts";

/** Throws Unimplemented for a runtime that would mount them as they are without a word. */
export async function refuseUnmapped(
  reaper: Reaper,
  { binary }: Runtime,
  mounts: readonly string[],
): Promise<void> {
  const path = await checkedRunc(reaper, binary);
  const version = await versionOf(reaper, path);
  if (knowsMappedMounts(version)) return;
  const [number = ""] = /^runc version \S+/m.exec(version) ?? [];
  throw unimplemented(
    `idmapped mount on ${mounts.join(", ")}: ${path} (${number}) has none; runc has since 1.2`,
  );
}

/** runc has since 1.2 (its older ones take the option for one of a file system); others are taken to. */
export function knowsMappedMounts(version: string): boolean {
  const [, major, minor] = /^runc version (\d+)\.(\d+)/m.exec(version) ?? [];
  return major === undefined || Number(major) > 1 || Number(minor) > 1;
}

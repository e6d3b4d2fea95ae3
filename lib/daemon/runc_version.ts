/** How old the host's runc is, and what is known to be wrong with it. */
import type { Log } from "./log.ts";

/** The first versions in which nothing that is known here is open, by minor version. */
const mended: readonly (readonly [minor: number, patch: number, candidate: number])[] = [
  [2, 8, Infinity],
  [3, 3, Infinity],
  [4, 0, 3],
];
const holes = "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881";
/** Mended in 1.1.14 and 1.2. */
const olderHoles = `CVE-2024-45310, ${holes}`;

/** What `runc --version` says first; undefined if there is no runc, or something else by that name. */
export async function runcVersion(): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("runc", { args: ["--version"], stderr: "null" })
    .output();
  return success ? /^runc version (\S+)/m.exec(new TextDecoder().decode(stdout))?.[1] : undefined;
}

/**
 * What containers can do to the host under a version of runc by holes that newer ones have closed; undefined if it
 * has none. Distributions mend older versions without a word in the number, so this is no reason to refuse one.
 */
export function openHoles(version: string): string | undefined {
  const [, ...numbers] = /^(\d+)\.(\d+)\.(\d+)(?:-rc\.?(\d+))?/.exec(version) ?? [];
  const [major = 0, minor = 0, patch = 0, candidate = Infinity] = numbers.map((part) =>
    part === undefined ? Infinity : Number(part)
  );
  if (!numbers.length || major > 1) return undefined;
  const mending = mended.find((entry) => entry[0] === minor);
  const sound = mending
    ? patch > mending[1] || patch === mending[1] && candidate >= mending[2]
    : minor > mended.at(-1)![0];
  if (major === 1 && sound) return undefined;
  const known = major === 1 && (minor > 1 || minor === 1 && patch >= 14) ? holes : olderHoles;
  return `runc ${version} has holes by which images reach the host, unless the distribution has mended it: ${known}`;
}

/** Which versions to have instead. */
export const soundRunc = "1.2.8, 1.3.3, 1.4.0 or newer";

/** Warns of an old runc, once a daemon's start. That there is none is told when a container needs it. */
export async function warnOfOldRunc(log: Log): Promise<void> {
  const version = await runcVersion().catch(() => undefined);
  const open = version && openHoles(version);
  if (open) log("warn", open, { install: soundRunc });
}

/** Which of the mounts of an activation are made by the manager, and what is done to them before. */
import type { Mount } from "../api/types/mount.ts";
import { invalidArgument, unimplemented } from "../errors.ts";

/** What a type's first words may ask for: `format/mkdir/overlay` is filled in, gets directories, is an overlay. */
const transforms = ["format", "mkdir", "mkfs"] as const;
export type Transform = typeof transforms[number];

/** Types that aren't the kernel's. */
const handled = ["loop"];
const most = 255;

/** One mount, and what is done to it first. */
export interface Step {
  readonly transforms: readonly Transform[];
  /** With the type that is left. */
  readonly mount: Mount;
}

/** What an activation does. */
export interface Plan {
  /** What the manager mounts, in this order. */
  readonly ours: readonly Step[];
  /** What the caller mounts; only the first of them may have something to be done. */
  readonly system: readonly Step[];
}

/**
 * Plans the mounts of an activation: the manager makes those that aren't the kernel's, all before one that is to be
 * transformed, and every one of a `temporary` activation. Throws Unimplemented if that is none: the caller then
 * mounts by itself.
 */
export function planOf(mounts: readonly Mount[], { temporary }: { temporary: boolean }): Plan {
  if (mounts.length > most) throw invalidArgument(`${mounts.length} mounts are more than ${most}`);
  const steps = mounts.map(stepOf);
  let count = -1;
  for (const [n, step] of steps.entries()) {
    if (step.transforms.length) count = n;
    if (temporary || handled.includes(step.mount.type)) count = n + 1;
  }
  if (count === -1) throw unimplemented("activation: all mounts are the system's own");
  return { ours: steps.slice(0, count), system: steps.slice(count) };
}

function stepOf(mount: Mount): Step {
  if (mount.target.split("/").includes("..")) {
    throw invalidArgument(`mount target ${JSON.stringify(mount.target)} leads out of its mount point`);
  }
  const words = mount.type.split("/");
  const found: Transform[] = [];
  while (words.length > 1 && isTransform(words[0]!)) found.push(words.shift() as Transform);
  return { transforms: found, mount: { ...mount, type: words.join("/") } };
}

const isTransform = (word: string) => (transforms as readonly string[]).includes(word);

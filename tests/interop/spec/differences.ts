/** Where our records differ from those of Go's ctr 1.6.20, on purpose, and why. */
import { defaultSpec } from "../../../mod.ts";
import type { ContainerInfo } from "./record.ts";

/** One difference. */
export interface Difference {
  readonly why: string;
  /** Makes of theirs what ours is to be. */
  readonly change: (theirs: ContainerInfo) => void;
}

const [path] = defaultSpec("", "").process.env;
const powercap = "/sys/devices/virtual/powercap";

/** All of them. One that no case shows any more is an error: it has to go. */
export const differences: readonly Difference[] = [
  {
    why: "1.6.20 lets containers measure what the host computes (GHSA-7ww5); later versions mask it",
    change: ({ Spec: { linux: { maskedPaths } } }) => {
      if (!maskedPaths || maskedPaths.includes(powercap)) return;
      maskedPaths.push(powercap);
      maskedPaths.sort();
    },
  },
  {
    why:
      "without a PATH no command is found by its name: the default one, where neither image nor flag has one",
    change: ({ Spec: { process } }) => {
      if (!process.env?.some((entry) => entry.startsWith("PATH="))) {
        process.env = [path!, ...process.env ?? []];
      }
    },
  },
  {
    why: "labels of an image are no orders to a daemon (CVE-2026-53488); 1.6.20 passes them on",
    change: (info) => {
      const orders = /^(containerd\.io|io\.cri-containerd|nerdctl)/;
      info.Labels = Object.fromEntries(Object.entries(info.Labels!).filter(([key]) => !orders.test(key)));
    },
  },
  {
    why: "a bind mount without the option is refused by the kernel (no such device): it is what was meant",
    change: ({ Spec: { mounts } }) => {
      for (const mount of mounts) {
        if (mount.destination.startsWith("/host")) mount.type ??= "bind";
        if (mount.type !== "bind" || mount.options?.some((option) => /^r?bind$/.test(option))) continue;
        mount.options = ["rbind", ...mount.options ?? []];
      }
    },
  },
  {
    why: "a mount at a default one's place takes its place, as in containerd 2; 1.6.20 mounts both",
    change: (info) => {
      const last = new Map(info.Spec.mounts.map((mount) => [mount.destination, mount]));
      info.Spec.mounts = info.Spec.mounts.filter((mount) => last.get(mount.destination) === mount);
    },
  },
  {
    why: "--no-pivot is kept, so that a task started later is started so, too; Go's ctr wants it said again",
    change: ({ ID, Runtime: { Options } }) => {
      // Field 1 of containerd.runc.v1.Options, true.
      if (ID === "no-pivot" && Options) Options.value ??= btoa("\x08\x01");
    },
  },
  {
    why: "what follows the id is the command, a -- in it too: Go's ctr loses the first one",
    change: ({ Spec: { process: { args } } }) => {
      if (args?.[0] === "echo") args.splice(args.indexOf("-n") + 1, 0, "--");
    },
  },
  {
    why: "comments in files of variables are not variables",
    change: ({ Spec: { process } }) =>
      void (process.env = process.env.filter((entry) => !entry.startsWith("#"))),
  },
];

/** The record that ours has to be like; tells `used` what it took. */
export function asOurs(theirs: ContainerInfo, used: Set<Difference>): ContainerInfo {
  const expected = structuredClone(theirs);
  for (const difference of differences) {
    const before = JSON.stringify(expected);
    difference.change(expected);
    if (JSON.stringify(expected) !== before) used.add(difference);
  }
  return expected;
}

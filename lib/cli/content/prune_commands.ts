/** `ctr content prune` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "references",
    usage: "let the packed layers of all images go: unpacked they stay",
    description:
      "Images whose layers have gone are fetched again when they are pushed, exported or unpacked anew.",
    flags: [
      { name: "async", usage: "do not wait until they are gone" },
      { name: "dry", usage: "only tell which references would be removed" },
    ],
    load: () => import("./prune.ts"),
  },
];

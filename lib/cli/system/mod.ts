/** `ctr system` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "df",
    usage: "show what images, snapshots, content and ingests take of the disk",
    description:
      "Reclaimable is what ctr prune frees; of images, what ctr prune --all frees besides. What images take is " +
      "content and snapshots, and counted there too.",
    flags: [{ name: "verbose", short: "v", usage: "show each of them" }],
    load: () => import("./df.ts"),
  },
];

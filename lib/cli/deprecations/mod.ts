/** `ctr deprecations` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "list",
    aliases: ["ls"],
    usage: "show what clients use that a later daemon won't have",
    flags: [{ name: "format", value: "value", usage: "output format: default or json", default: "default" }],
    load: () => import("./list.ts"),
  },
];

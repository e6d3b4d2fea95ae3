/** `ctr plugins` */
import type { Command } from "../command.ts";
import { quiet } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "list",
    aliases: ["ls"],
    usage: "list the daemon's plugins",
    arguments: "[<filter>, ...]",
    flags: [
      quiet("print only the plugin ids"),
      { name: "detailed", short: "d", usage: "print detailed information about each plugin" },
    ],
    load: () => import("./ls.ts"),
  },
];

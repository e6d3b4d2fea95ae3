/** `ctr sandboxes`: the records that clients keep of sandboxes. */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "list",
    aliases: ["ls"],
    usage: "list sandboxes",
    flags: [
      {
        name: "filters",
        value: "value",
        many: true,
        usage: "the list of filters to apply when querying sandboxes from the store",
      },
    ],
    load: () => import("./ls.ts"),
  },
  {
    name: "remove",
    aliases: ["rm"],
    usage: "remove the records of sandboxes",
    arguments: "<id> [<id>, ...]",
    load: () => import("./rm.ts"),
  },
];

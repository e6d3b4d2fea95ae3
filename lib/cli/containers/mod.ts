/** `ctr containers` */
import type { Command } from "../command.ts";
import { quiet } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "create",
    usage: "create a container, without starting it",
    arguments: "Image|RootFS CONTAINER [COMMAND] [ARG...]",
    operands: 2,
    lazyFlags: async () => (await import("../run/flags.ts")).containerFlags,
    load: () => import("./create.ts"),
  },
  {
    name: "delete",
    aliases: ["del", "remove", "rm"],
    usage: "delete one or more existing containers",
    arguments: "CONTAINER [CONTAINER, ...]",
    flags: [{ name: "keep-snapshot", usage: "do not clean up snapshot with container" }],
    load: () => import("./rm.ts"),
  },
  {
    name: "info",
    usage: "get info about a container",
    arguments: "CONTAINER",
    flags: [{ name: "spec", usage: "only display the spec" }],
    load: () => import("./info.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    usage: "list containers",
    arguments: "[<filter>, ...]",
    flags: [quiet("print only the container id")],
    load: () => import("./ls.ts"),
  },
  {
    name: "label",
    usage: "set and clear labels for a container",
    arguments: "CONTAINER [<key>=<value> ...]",
    description: "An empty value clears the label.",
    load: () => import("./label.ts"),
  },
];

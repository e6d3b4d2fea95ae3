/** `ctr namespaces` */
import type { Command } from "../command.ts";
import { quiet } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "create",
    aliases: ["c"],
    usage: "create a new namespace",
    arguments: "<name> [<key>=<value> ...]",
    load: () => import("./create.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    usage: "list namespaces",
    flags: [quiet("print only the namespace name")],
    load: () => import("./ls.ts"),
  },
  {
    name: "remove",
    aliases: ["rm", "delete", "del"],
    usage: "remove one or more namespaces, which must be empty",
    arguments: "<name> [<name>, ...]",
    flags: [{ name: "cgroup", short: "c", usage: "delete the namespace's cgroup too" }],
    load: () => import("./rm.ts"),
  },
  {
    name: "label",
    usage: "set and clear labels for a namespace",
    arguments: "<name> [<key>=<value> ...]",
    description: "An empty value clears the label.",
    load: () => import("./label.ts"),
  },
];

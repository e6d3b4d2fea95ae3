/** `ctr snapshots` */
import type { Command, Flag } from "../command.ts";

const mountFlags: readonly Flag[] = [
  { name: "target", short: "t", value: "value", usage: "mount target path, will print mount, if provided" },
  { name: "mounts", usage: "print out snapshot mounts as JSON" },
];

export const commands: readonly Command[] = [
  {
    name: "commit",
    usage: "commit an active snapshot into the provided name",
    arguments: "<name> <active>",
    load: () => import("./commit.ts"),
  },
  { name: "info", usage: "get info about a snapshot", arguments: "<key>", load: () => import("./info.ts") },
  {
    name: "list",
    aliases: ["ls"],
    usage: "list snapshots",
    arguments: "[<filter>, ...]",
    load: () => import("./ls.ts"),
  },
  {
    name: "mounts",
    aliases: ["m", "mount"],
    usage: "get the mount commands for a snapshot",
    arguments: "<target> <key>",
    load: () => import("./mounts.ts"),
  },
  {
    name: "prepare",
    usage: "prepare a snapshot from a committed snapshot",
    arguments: "<key> [<parent>]",
    flags: mountFlags,
    load: () => import("./prepare.ts"),
  },
  {
    name: "delete",
    aliases: ["del", "remove", "rm"],
    usage: "remove snapshots",
    arguments: "<key> [<key>, ...]",
    load: () => import("./rm.ts"),
  },
  {
    name: "label",
    usage: "add labels to a snapshot",
    arguments: "<name> [<label>=<value> ...]",
    load: () => import("./label.ts"),
  },
  { name: "tree", usage: "display tree view of snapshot branches", load: () => import("./tree.ts") },
  {
    name: "usage",
    usage: "show what snapshots take",
    arguments: "[<key>, ...]",
    flags: [{ name: "b", usage: "display size in bytes" }],
    load: () => import("./usage.ts"),
  },
  {
    name: "view",
    usage: "create a read-only snapshot from a committed snapshot",
    arguments: "<key> [<parent>]",
    flags: mountFlags,
    load: () => import("./view.ts"),
  },
];

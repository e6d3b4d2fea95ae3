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
    flags: [{ name: "no-sync", usage: "do not wait until its data are on disk" }],
    load: () => import("./commit.ts"),
  },
  {
    name: "diff",
    usage: "get the diff of two snapshots; the second is the first one's parent by default",
    arguments: "<idA> [<idB>]",
    description: "The layer goes to the standard output. SOURCE_DATE_EPOCH is the latest time in it, if set.",
    flags: [
      {
        name: "media-type",
        value: "value",
        default: "application/vnd.oci.image.layer.v1.tar+gzip",
        usage: "media type to use for creating diff",
      },
      { name: "ref", value: "value", usage: "content upload reference to use" },
      { name: "keep", usage: "keep diff content: up to creator to delete it" },
      { name: "label", value: "value", many: true, usage: "labels to attach to the content" },
    ],
    load: () => import("./diff.ts"),
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
    name: "unpack",
    usage: "unpack applies layers from a manifest to a snapshot",
    arguments: "<digest>",
    load: () => import("./unpack.ts"),
  },
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

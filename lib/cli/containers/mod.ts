/** `ctr containers` */
import type { Command } from "../command.ts";
import { quiet } from "../flags.ts";

/** Also `ctr commit`. */
export const commit: Command = {
  name: "commit",
  usage: "make an image of a container as it is now",
  arguments: "CONTAINER REF",
  description: "The image's layers, and one more. SOURCE_DATE_EPOCH is the latest time in it, if set.",
  examples: ["commit web web:tuned"],
  flags: [
    { name: "author", short: "a", value: "name", usage: "who made the image" },
    { name: "message", short: "m", value: "text", usage: "what the change is about, for the history" },
    {
      name: "compression",
      value: "value",
      default: "gzip",
      usage: "how the new layer is compressed: gzip, zstd or uncompressed",
    },
    { name: "no-pause", usage: "leave the container running meanwhile" },
    { name: "label", value: "value", many: true, usage: "labels to attach to the image" },
  ],
  load: () => import("./commit.ts"),
};

export const commands: readonly Command[] = [
  commit,
  {
    name: "checkpoint",
    usage: "make an image of a container, from which it can go on",
    arguments: "CONTAINER REF",
    examples: ["containers checkpoint --rw --image --task web example.com/web:friday"],
    flags: [
      { name: "rw", usage: "with what it has changed in its files" },
      { name: "image", usage: "with its image" },
      { name: "task", usage: "with its running processes (needs criu)" },
      { name: "exit", usage: "stop the container afterwards" },
    ],
    load: () => import("./checkpoint.ts"),
  },
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
    name: "restore",
    usage: "make a container of a checkpoint, and start it",
    arguments: "CONTAINER REF",
    description:
      "The image below it must be here. Of what the checkpoint wants of this host nothing is given unasked.",
    examples: ["containers restore --rw --live web example.com/web:friday"],
    flags: [
      { name: "rw", usage: "with what it had changed in its files" },
      { name: "live", usage: "go on with its processes where they were (needs criu)" },
      { name: "device", value: "path", many: true, usage: "a device of the host that it may have again" },
      { name: "trust", usage: "give it what else it wants of the host: mounts, hooks, capabilities" },
    ],
    load: () => import("./restore.ts"),
  },
  {
    name: "label",
    usage: "set and clear labels for a container",
    arguments: "CONTAINER [<key>=<value> ...]",
    description: "An empty value clears the label.",
    load: () => import("./label.ts"),
  },
];

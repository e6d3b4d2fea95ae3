/** `ctr images` */
import type { Command } from "../command.ts";
import { quiet, registryFlags, snapshotterFlag } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "check",
    usage: "check that all content of images is here, and unpacked",
    arguments: "[<ref or filter>, ...]",
    flags: [quiet("print only the ready image refs (fully downloaded and unpacked)"), snapshotterFlag],
    load: () => import("./check.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    usage: "list images",
    arguments: "[<ref or filter>, ...]",
    flags: [quiet("print only the image refs")],
    load: () => import("./ls.ts"),
  },
  {
    name: "pull",
    usage: "pull an image from a registry, and unpack it",
    arguments: "<ref>",
    description: "Short names mean what docker takes them for: alpine is docker.io/library/alpine:latest.",
    examples: ["images pull alpine", "images pull --plain-http 127.0.0.1:5000/app:1"],
    flags: [
      ...registryFlags,
      snapshotterFlag,
      { name: "label", value: "value", many: true, usage: "labels to attach to the image" },
      { name: "platform", value: "value", many: true, usage: "pull content from a specific platform" },
      { name: "all-platforms", usage: "pull content and metadata from all platforms" },
      { name: "all-metadata", usage: "pull metadata for all platforms" },
      { name: "print-chainid", usage: "print the resulting image's chain ID" },
      { name: "no-unpack", usage: "fetch only: do not unpack the layers" },
    ],
    load: () => import("./pull.ts"),
  },
  {
    name: "delete",
    aliases: ["del", "remove", "rm"],
    usage: "remove one or more images by reference",
    arguments: "<ref> [<ref>, ...]",
    flags: [{ name: "sync", usage: "synchronously remove image and all associated resources" }],
    load: () => import("./rm.ts"),
  },
  {
    name: "tag",
    usage: "give an image another name",
    arguments: "<source_ref> <target_ref> [<target_ref>, ...]",
    flags: [{ name: "force", usage: "force target_ref to be created, regardless if it already exists" }],
    load: () => import("./tag.ts"),
  },
  {
    name: "label",
    usage: "set and clear labels for an image",
    arguments: "<name> [<key>=<value> ...]",
    description: "An empty value clears the label.",
    flags: [{ name: "replace-all", short: "r", usage: "replace all labels" }],
    load: () => import("./label.ts"),
  },
];

/** `ctr content` */
import type { Command } from "../command.ts";
import { platformFlags, quiet, registryFlags } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "list",
    aliases: ["ls"],
    usage: "list all blobs in the store",
    arguments: "[<filter>, ...]",
    flags: [quiet("print only the blob digest")],
    load: () => import("./ls.ts"),
  },
  {
    name: "get",
    usage: "print the bytes of a blob",
    arguments: "<digest> [<digest>, ...]",
    load: () => import("./get.ts"),
  },
  {
    name: "ingest",
    usage: "accept content into the store, from standard input",
    arguments: "<key>",
    examples: ["content ingest my-blob < file"],
    flags: [
      { name: "expected-size", value: "value", usage: "validate against provided size", default: "0" },
      { name: "expected-digest", value: "value", usage: "verify content against expected digest" },
    ],
    load: () => import("./ingest.ts"),
  },
  {
    name: "active",
    usage: "display active transfers",
    arguments: "[<regexp>]",
    flags: [
      {
        name: "timeout",
        short: "t",
        value: "value",
        usage: "total timeout for fetch",
        env: "CONTAINERD_FETCH_TIMEOUT",
        default: "0s",
      },
      { name: "root", value: "value", usage: "path to content store root (not used: the daemon is asked)" },
    ],
    load: () => import("./active.ts"),
  },
  {
    name: "delete",
    aliases: ["del", "remove", "rm"],
    usage: "permanently delete one or more blobs",
    arguments: "<digest> [<digest>, ...]",
    description: "Deleted blobs are printed to stdout.",
    load: () => import("./rm.ts"),
  },
  {
    name: "label",
    usage: "add labels to content",
    arguments: "<digest> [<label>=<value> ...]",
    load: () => import("./label.ts"),
  },
  {
    name: "edit",
    usage: "edit a blob and print the digest of what it has become",
    arguments: "<digest>",
    description: "The blob stays as it is: the edited one is another.",
    flags: [
      { name: "validate", value: "value", usage: "refuse a result that is not of this format (json)" },
      { name: "editor", value: "value", usage: "what to edit with", env: "EDITOR" },
    ],
    load: () => import("./edit.ts"),
  },
  {
    name: "fetch",
    usage: "fetch all content of an image, and unpack nothing",
    arguments: "<remote>",
    flags: [...registryFlags, ...platformFlags],
    load: () => import("./fetch.ts"),
  },
  {
    name: "fetch-object",
    usage: "print a manifest, an index or a blob of a registry",
    arguments: "<remote> [<digest>]",
    flags: registryFlags,
    load: () => import("./fetch_object.ts"),
  },
  {
    name: "fetch-blob",
    usage: "print blobs of a registry",
    arguments: "<remote> <digest> [<digest>, ...]",
    flags: registryFlags,
    load: () => import("./fetch_blob.ts"),
  },
  {
    name: "push-object",
    usage: "push one blob, manifest or index to a registry",
    arguments: "<remote> <digest> <type>",
    flags: registryFlags,
    load: () => import("./push_object.ts"),
  },
  {
    name: "prune",
    usage: "let go of content",
    group: () => import("./prune_commands.ts"),
  },
];

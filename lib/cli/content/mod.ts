/** `ctr content` */
import type { Command } from "../command.ts";
import { quiet } from "../flags.ts";

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
];

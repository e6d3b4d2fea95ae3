/** `ctr plugins` */
import type { Command } from "../command.ts";
import { defaultRuntime, quiet } from "../flags.ts";

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
  {
    name: "inspect-runtime",
    usage: "display what a runtime says of itself, and what its runc can do",
    flags: [
      {
        name: "runtime",
        value: "value",
        usage: "runtime name or absolute path to runtime binary",
        default: defaultRuntime,
      },
      {
        name: "runtime-config-path",
        value: "path",
        usage: "configuration file of a runtime that is not runc",
      },
      { name: "runc-binary", value: "value", usage: "runc-compatible binary" },
      { name: "runc-root", value: "value", usage: "runc-compatible root" },
      { name: "runc-systemd-cgroup", usage: "start runc with systemd cgroup manager" },
    ],
    load: () => import("./inspect_runtime.ts"),
  },
];

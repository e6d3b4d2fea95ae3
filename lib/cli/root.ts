/** All commands of the first level. Groups and code are loaded when one of them runs. */
import type { Command } from "./command.ts";
import { snapshotterFlag } from "./flags.ts";

/** The commands, in the order of the help. */
export const commands: readonly Command[] = [
  {
    name: "run",
    usage: "run a container",
    arguments: "Image|RootFS ID [COMMAND] [ARG...]",
    description:
      "Makes a container from an image and starts its process. The exit code is the process's own. A command\n" +
      "takes the place of the image's, its entry point included.",
    examples: [
      "run --rm docker.io/library/alpine:latest greeting echo hello",
      "run -d alpine web sleep 1000",
    ],
    operands: 2,
    lazyFlags: async () => (await import("./run/flags.ts")).runFlags,
    load: () => import("./run/run.ts"),
  },
  { name: "images", aliases: ["image", "i"], usage: "manage images", group: () => import("./images/mod.ts") },
  {
    name: "containers",
    aliases: ["c", "container"],
    usage: "manage containers",
    group: () => import("./containers/mod.ts"),
  },
  {
    name: "commit",
    usage: "make an image of a container as it is now",
    arguments: "CONTAINER REF",
    lazyFlags: async () => (await import("./containers/mod.ts")).commit.flags!,
    load: () => import("./containers/commit.ts"),
  },
  { name: "tasks", aliases: ["t", "task"], usage: "manage tasks", group: () => import("./tasks/mod.ts") },
  {
    name: "logs",
    usage: "show what a container has written",
    arguments: "CONTAINER",
    description: "Shows the log of a container that was made with --log-driver json-file.",
    examples: ["logs -f web", "logs --tail 100 --since 10m web"],
    flags: [
      { name: "follow", short: "f", usage: "go on with what comes, until the task ends" },
      { name: "tail", value: "lines", usage: "only so many of the last lines" },
      {
        name: "since",
        value: "when",
        usage: "only from a time on (2026-01-31T10:00:00Z, or 10m for ten minutes ago)",
      },
      { name: "timestamps", short: "t", usage: "show when each line was written" },
    ],
    load: () => import("./logs.ts"),
  },
  {
    name: "stats",
    aliases: ["top"],
    usage: "show what containers use, live",
    arguments: "[CONTAINER, ...]",
    description: "All running containers of the namespace, if none is named. Ends with Ctrl-C.",
    examples: ["stats", "stats --no-stream web", "stats --no-stream --format json"],
    flags: [
      { name: "no-stream", usage: "show them once" },
      { name: "format", value: "value", usage: '"table" or "json"', default: "table" },
      { name: "interval", value: "duration", usage: "time between two looks", default: "1s" },
    ],
    load: () => import("./stats.ts"),
  },
  {
    name: "stop",
    usage: "end containers' processes in order",
    arguments: "CONTAINER [CONTAINER, ...]",
    description: "Sends the image's stop signal, or SIGTERM, and SIGKILL to those that don't end in time.",
    examples: ["stop web", "stop -t 60 database"],
    flags: [
      { name: "time", short: "t", value: "seconds", usage: "time that they have", default: "10" },
      { name: "signal", short: "s", value: "value", usage: "signal to send first" },
    ],
    load: () => import("./stop.ts"),
  },
  {
    name: "rm",
    usage: "remove containers, with their tasks and snapshots",
    arguments: "CONTAINER [CONTAINER, ...]",
    examples: ["rm web", "rm -f --all"],
    flags: [
      { name: "force", short: "f", usage: "end what still runs" },
      { name: "all", short: "a", usage: "all containers of the namespace" },
    ],
    load: () => import("./rm.ts"),
  },
  { name: "content", usage: "manage content", group: () => import("./content/mod.ts") },
  {
    name: "snapshots",
    aliases: ["snapshot"],
    usage: "manage snapshots",
    flags: [snapshotterFlag],
    group: () => import("./snapshots/mod.ts"),
  },
  {
    name: "rootfs",
    usage: "what early containerd called snapshots diff and unpack",
    hidden: true,
    group: () => import("./rootfs/mod.ts"),
  },
  {
    name: "namespaces",
    aliases: ["namespace", "ns"],
    usage: "manage namespaces",
    group: () => import("./namespaces/mod.ts"),
  },
  { name: "leases", aliases: ["lease"], usage: "manage leases", group: () => import("./leases/mod.ts") },
  {
    name: "events",
    aliases: ["event"],
    usage: "show what happens, as it happens",
    arguments: "[<filter>, ...]",
    examples: ["events", "events 'topic~=/tasks/.*'"],
    load: () => import("./events.ts"),
  },
  {
    name: "plugins",
    aliases: ["plugin"],
    usage: "show what the daemon is made of",
    group: () => import("./plugins/mod.ts"),
  },
  { name: "oci", usage: "OCI tools", group: () => import("./oci/mod.ts") },
  {
    name: "sandboxes",
    aliases: ["sandbox", "sb", "s"],
    usage: "manage the records of sandboxes",
    group: () => import("./sandboxes/mod.ts"),
  },
  { name: "info", usage: "print what identifies the daemon", load: () => import("./info.ts") },
  {
    name: "deprecations",
    usage: "what clients use that a later daemon won't have",
    group: () => import("./deprecations/mod.ts"),
  },
  {
    name: "login",
    usage: "log in to a registry",
    arguments: "<host>",
    description:
      "Asks the registry, and keeps the user and password where docker keeps them: in config.json, or with the\n" +
      "credential helper that it names. Pulls and pushes use them, and those that docker has kept.",
    examples: ["login registry.example", "login -u alice --password-stdin registry.example:5000 < password"],
    lazyFlags: async () => (await import("./registry/mod.ts")).loginFlags,
    load: () => import("./login.ts"),
  },
  {
    name: "logout",
    usage: "forget the login to a registry",
    arguments: "<host>",
    load: () => import("./logout.ts"),
  },
  { name: "registry", usage: "look into registries", group: () => import("./registry/mod.ts") },
  { name: "system", usage: "look after the daemon's host", group: () => import("./system/mod.ts") },
  {
    name: "prune",
    usage: "remove what nothing refers to, and tell what was freed",
    description:
      "Leases that expired, ingests that nobody has written to for a day, content and snapshots that no image, " +
      "container or lease leads to. The daemon does so by itself, sooner or later.",
    examples: ["prune --dry-run", "prune --all"],
    flags: [
      { name: "all", short: "a", usage: "also remove images that no container uses" },
      { name: "dry-run", usage: "only tell what would be removed" },
    ],
    load: () => import("./prune.ts"),
  },
  { name: "version", usage: "print the client and server versions", load: () => import("./version.ts") },
  {
    name: "doctor",
    usage: "tell what is wrong on this host, and what to do about it",
    description:
      "Changes nothing, unless told to. With --reap: ends and removes what belongs to nobody any more: tasks " +
      "without a container, runc's state, shims, processes, cgroups and FIFOs. With --rebuild, while no daemon runs: makes the metadata of a root " +
      "anew from its blobs, when the file is lost or damaged. The old file and the snapshots are kept aside.",
    examples: ["doctor", "doctor --reap", "doctor --rebuild --root /var/lib/longshore"],
    flags: [
      { name: "config", short: "c", value: "path", usage: "configuration file" },
      { name: "root", value: "path", usage: "directory of what is kept" },
      { name: "state", value: "path", usage: "directory of what is gone after a reboot" },
      { name: "reap", usage: "end and remove what belongs to nobody any more" },
      { name: "rebuild", usage: "make lost metadata anew from the blobs" },
      { name: "force", usage: "with --rebuild: also if the metadata can be read" },
      snapshotterFlag,
    ],
    load: () => import("./doctor.ts"),
  },
  {
    name: "daemon",
    usage: "serve containers, images and the rest on a socket",
    flags: [
      { name: "config", short: "c", value: "path", usage: "configuration file" },
      { name: "root", value: "path", usage: "directory of what is kept" },
      { name: "state", value: "path", usage: "directory of what is gone after a reboot" },
      { name: "address", short: "a", value: "path", usage: "socket to serve on" },
      { name: "log-level", short: "l", value: "level", usage: "debug, info, warn or error" },
    ],
    load: () => import("./daemon.ts"),
  },
  {
    name: "shim",
    usage: "watch over containers (started by the daemon)",
    hidden: true,
    raw: true,
    load: () => import("./shim.ts"),
  },
];

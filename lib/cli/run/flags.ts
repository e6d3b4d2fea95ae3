/** The flags that shape a container. */
import type { Flag } from "../command.ts";
import { defaultRuntime, runRegistryFlags, snapshotterFlag } from "../flags.ts";
import { detachKeysFlag } from "../process/detach_keys.ts";
import { privilegeFlags } from "./privilege_flags.ts";
import { resourceFlags } from "./resource_flags.ts";

/** Of `containers create` and of `run`. */
export const containerFlags: readonly Flag[] = [
  snapshotterFlag,
  {
    name: "snapshotter-label",
    value: "value",
    many: true,
    usage: "labels added to the new snapshot for this container",
  },
  { name: "config", short: "c", value: "path", usage: "the spec, from a file: ID follows, or IMAGE ID" },
  { name: "cwd", value: "path", usage: "specify the working directory of the process" },
  {
    name: "env",
    value: "value",
    many: true,
    usage: "additional container environment variables (e.g. FOO=bar)",
  },
  {
    name: "env-file",
    value: "path",
    many: true,
    usage: "environment variables from a file, one FOO=bar per line (comments with #)",
  },
  { name: "label", value: "value", many: true, usage: "additional labels (e.g. foo=bar); annotations too" },
  { name: "annotation", value: "value", many: true, usage: "additional OCI annotations (e.g. foo=bar)" },
  {
    name: "mount",
    value: "value",
    many: true,
    usage:
      "additional container mount (e.g. type=bind,src=/tmp,dst=/host,options=rbind:ro); bind if it has no " +
      "type, \\: for a colon in an option, quotes around a field with commas",
  },
  {
    name: "cni",
    usage: "enable cni networking for the container (NETCONFPATH and CNI_PATH name other directories)",
  },
  {
    name: "publish",
    short: "p",
    value: "host:container",
    many: true,
    usage: "have a port of the host lead to one of the container: 8080:80, 127.0.0.1:53:53/udp (needs --cni)",
  },
  { name: "net-host", usage: "enable host networking for the container" },
  { name: "read-only", usage: "set the containers filesystem as readonly" },
  { name: "runtime", value: "value", usage: "runtime name", default: defaultRuntime },
  { name: "runtime-config-path", value: "path", usage: "configuration file of a runtime that is not runc" },
  { name: "runc-binary", value: "value", usage: "runc-compatible binary" },
  { name: "runc-root", value: "path", usage: "runc-compatible root" },
  { name: "runc-systemd-cgroup", usage: "start runc with systemd cgroup manager (needs --cgroup)" },
  { name: "no-pivot", usage: "disable use of pivot-root" },
  { name: "tty", short: "t", usage: "allocate a TTY for the container" },
  { name: "user", short: "u", value: "value", usage: "user[:group], names or numbers" },
  { name: "hostname", value: "value", usage: "host name of the container" },
  { name: "domainname", value: "value", usage: "NIS domain of the container (runc 1.2 or newer)" },
  { name: "shm-size", value: "bytes", usage: "size of /dev/shm (64m unless said)" },
  {
    name: "with-ns",
    value: "value",
    many: true,
    usage: "existing Linux namespaces to join (format '<nstype>:<path>')",
  },
  { name: "pid-file", value: "path", usage: "file path to write the task's pid" },
  { name: "rootfs", usage: "use custom rootfs that is not managed by a snapshotter" },
  { name: "rootfs-propagation", value: "value", usage: "set the propagation of the container rootfs" },
  { name: "cgroup", value: "path", usage: 'cgroup path (to disable use of cgroup, set to "" explicitly)' },
  { name: "sandbox", value: "id", usage: "of Go's ctr: refused, for there are no sandboxes" },
  { name: "dump-config", value: "path", usage: "write the spec that was made to a file" },
  {
    name: "sync-fs",
    usage: "of Go's ctr: unpacked files are on disk before they are used, with or without it",
  },
  {
    name: "uidmap",
    value: "container-uid:host-uid:length",
    many: true,
    usage: "run inside a user namespace with the specified UID mapping range",
  },
  {
    name: "gidmap",
    value: "container-gid:host-gid:length",
    many: true,
    usage: "run inside a user namespace with the specified GID mapping range",
  },
  {
    name: "remap-labels",
    usage:
      "have the snapshotter map the files' owners, by idmapped mounts if it can, instead of copying files",
  },
  { name: "platform", value: "value", usage: "run image for specific platform" },
  ...privilegeFlags,
  ...resourceFlags,
  { name: "pull", value: "when", usage: "pull the image when it is missing, or never", default: "missing" },
  ...runRegistryFlags,
];

/** Of `run`. */
export const runFlags: readonly Flag[] = [
  { name: "rm", usage: "remove the container after running, cannot be used with --detach" },
  { name: "null-io", usage: "send all IO to /dev/null" },
  { name: "log-uri", value: "uri", usage: "where the output goes: file:///path or binary:///program" },
  { name: "log-driver", value: "name", usage: 'keep the output for "ctr logs": json-file (needs --detach)' },
  {
    name: "restart",
    value: "policy",
    usage:
      "start it again when it ends: always, unless-stopped, on-failure or on-failure:NUMBER (needs --detach)",
  },
  { name: "log-opt", value: "option", many: true, usage: "of the log driver: max-size=10m, max-file=3" },
  {
    name: "detach",
    short: "d",
    usage: "detach from the task after it has started execution, cannot be used with --rm",
  },
  { name: "fifo-dir", value: "path", usage: "directory used for storing IO FIFOs" },
  detachKeysFlag,
  { name: "checkpoint", value: "ref", usage: "go on with the processes of a checkpoint (needs criu)" },
  // A container that is only made gets no shares unless asked for: so it is with Go's ctr.
  ...containerFlags.map((flag) => flag.name === "cpu-shares" ? { ...flag, default: "1024" } : flag),
];

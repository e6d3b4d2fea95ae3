/** The flags that shape a container. */
import type { Flag } from "../command.ts";
import { runRegistryFlags, snapshotterFlag } from "../flags.ts";

/** The runtime that containerd's clients mean when they name none. */
export const defaultRuntime = "io.containerd.runc.v2";

/** Of `containers create` and of `run`. */
export const containerFlags: readonly Flag[] = [
  snapshotterFlag,
  {
    name: "snapshotter-label",
    value: "value",
    many: true,
    usage: "labels added to the new snapshot for this container",
  },
  { name: "config", short: "c", value: "path", usage: "path to the runtime-specific spec config file" },
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
    usage: "environment variables from a file, one FOO=bar per line",
  },
  { name: "label", value: "value", many: true, usage: "additional labels (e.g. foo=bar)" },
  { name: "annotation", value: "value", many: true, usage: "additional OCI annotations (e.g. foo=bar)" },
  {
    name: "mount",
    value: "value",
    many: true,
    usage: "additional container mount (e.g. type=bind,src=/tmp,dst=/host,options=rbind:ro)",
  },
  { name: "net-host", usage: "enable host networking for the container" },
  { name: "privileged", usage: "run privileged container" },
  { name: "read-only", usage: "set the containers filesystem as readonly" },
  { name: "runtime", value: "value", usage: "runtime name", default: defaultRuntime },
  { name: "runc-binary", value: "value", usage: "runc-compatible binary" },
  { name: "runc-root", value: "path", usage: "runc-compatible root" },
  { name: "runc-systemd-cgroup", usage: "start runc with systemd cgroup manager" },
  { name: "no-pivot", usage: "disable use of pivot-root" },
  { name: "tty", short: "t", usage: "allocate a TTY for the container" },
  { name: "user", short: "u", value: "value", usage: "user[:group], names or numbers" },
  { name: "hostname", value: "value", usage: "host name of the container" },
  {
    name: "with-ns",
    value: "value",
    many: true,
    usage: "existing Linux namespaces to join (format '<nstype>:<path>')",
  },
  { name: "pid-file", value: "path", usage: "file path to write the task's pid" },
  { name: "allow-new-privs", usage: "turn off OCI spec's NoNewPrivileges feature flag" },
  { name: "memory-limit", value: "value", usage: "memory limit (in bytes) for the container", default: "0" },
  { name: "cpus", value: "value", usage: "set the CFS cpu quota", default: "0" },
  { name: "cpu-shares", value: "value", usage: "set the cpu shares", default: "1024" },
  { name: "cpu-quota", value: "value", usage: "limit CPU CFS quota", default: "-1" },
  { name: "cpu-period", value: "value", usage: "limit CPU CFS period", default: "0" },
  { name: "device", value: "path", many: true, usage: "device to add to the container" },
  { name: "cap-add", value: "value", many: true, usage: "add Linux capabilities (with 'CAP_' prefix)" },
  { name: "cap-drop", value: "value", many: true, usage: "drop Linux capabilities (with 'CAP_' prefix)" },
  { name: "rlimit-nofile", value: "value", usage: "limit of open files" },
  { name: "rootfs", usage: "use custom rootfs that is not managed by a snapshotter" },
  { name: "rootfs-propagation", value: "value", usage: "set the propagation of the container rootfs" },
  { name: "cgroup", value: "path", usage: 'cgroup path (to disable use of cgroup, set to "" explicitly)' },
  { name: "platform", value: "value", usage: "run image for specific platform" },
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
  { name: "checkpoint", value: "ref", usage: "go on with the processes of a checkpoint (needs criu)" },
  ...containerFlags,
];

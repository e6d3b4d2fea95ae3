/** The flags that say what a container may do. */
import type { Flag } from "../command.ts";

/** Of `containers create` and of `run`. */
export const privilegeFlags: readonly Flag[] = [
  { name: "privileged", usage: "run privileged container" },
  {
    name: "privileged-without-host-devices",
    usage: "with --privileged: don't pass the host's devices to the container",
  },
  { name: "allow-new-privs", usage: "turn off OCI spec's NoNewPrivileges feature flag" },
  { name: "cap-add", value: "value", many: true, usage: "add Linux capabilities (with or without CAP_)" },
  { name: "cap-drop", value: "value", many: true, usage: "drop Linux capabilities (with or without CAP_)" },
  {
    name: "device",
    value: "path",
    many: true,
    usage: "device, or directory of devices, to add to the container",
  },
  { name: "gpus", value: "value", usage: "of Go's ctr: refused, use --device and --mount" },
  { name: "seccomp", usage: "enable the default seccomp profile" },
  {
    name: "seccomp-profile",
    value: "path",
    usage: "enable a seccomp profile from a file, as the runtime spec or Docker have it",
  },
  {
    name: "apparmor-default-profile",
    value: "name",
    usage: "enable AppArmor with the default profile under this name, loaded if need be",
  },
  { name: "apparmor-profile", value: "name", usage: "enable AppArmor with a profile that the kernel has" },
];

/** Flags of what a container may do. */
import { invalidArgument, unimplemented } from "../../errors.ts";
import {
  type SpecOption,
  withAppArmor,
  withCapabilities,
  withDefaultAppArmor,
  withDevices,
  withNewPrivileges,
  withPrivileged,
  withSeccomp,
} from "../../oci/mod.ts";
import { type Flags, usageError } from "../command.ts";

/** The spec options of these flags. What seccomp allows depends on capabilities, so it comes after them. */
export function privilegeOptions(flags: Flags): SpecOption[] {
  const hidden = flags.on("privileged-without-host-devices");
  const privileged = flags.on("privileged");
  if (hidden && !privileged) throw usageError("--privileged-without-host-devices needs --privileged");
  return [
    ...privileged ? [withPrivileged({ devices: !hidden })] : [],
    withCapabilities({ add: flags.list("cap-add"), drop: flags.list("cap-drop") }),
    ...flags.on("allow-new-privs") ? [withNewPrivileges()] : [],
    withDevices(...flags.list("device")),
    ...seccompOptions(flags),
    ...appArmorOptions(flags),
  ];
}

/** A profile asked for is used: `--seccomp` beside it, which Go's ctr insists on, adds nothing. */
function seccompOptions(flags: Flags): SpecOption[] {
  const file = flags.text("seccomp-profile");
  if (file) return [withSeccomp({ file })];
  return flags.on("seccomp") ? [withSeccomp()] : [];
}

function appArmorOptions(flags: Flags): SpecOption[] {
  const [standard, own] = [flags.text("apparmor-default-profile"), flags.text("apparmor-profile")];
  if (standard && own) {
    throw usageError("--apparmor-profile and --apparmor-default-profile exclude each other");
  }
  if (standard) return [withDefaultAppArmor(standard)];
  return own ? [withAppArmor(own)] : [];
}

/** Names of the Container Device Interface: `vendor.com/class=name`. */
const cdiName = /^[A-Za-z][\w.-]*\/[A-Za-z][\w.-]*=.+$/;

/** Throws for what Go's ctr can do and ours can't, before anything is made. */
export function refuseUnsupported(flags: Flags): void {
  const instead =
    "name the devices of the host (--device /dev/nvidia0) and mount the driver's libraries (--mount)";
  if (flags.has("gpus")) throw invalidArgument(`--gpus is not supported: ${instead}`);
  const cdi = flags.list("device").find((name) => cdiName.test(name));
  if (cdi) throw invalidArgument(`--device ${cdi}: CDI devices are not supported: ${instead}`);
  if (flags.text("sandbox")) {
    throw unimplemented(
      `--sandbox ${flags.text("sandbox")}: containers in sandboxes (there is no sandbox controller)`,
    );
  }
}
